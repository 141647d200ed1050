import type { Db } from 'mongodb'
import { crashPoint } from '../../runtime/crash-point.ts'
import { type ReadModelStore, type Skip, skipId } from '../read-model-store.ts'
import { isDuplicateKey } from './errors.ts'

type SkipDocument = Skip & { _id: string }

export type Skips = Pick<ReadModelStore, 'skips' | 'addSkip' | 'removeSkip'>

export function openSkips(db: Db): Skips {
  const skips = db.collection<SkipDocument>('tradelog_skips')
  return {
    skips: async (model) => {
      const documents = await skips.find(model === undefined ? {} : { model }).toArray()
      return documents.map(({ _id, ...skip }) => skip).sort((a, b) => a.at - b.at)
    },
    addSkip: async (skip) => {
      try {
        crashPoint('skip:to-insert')
        await skips.insertOne({ _id: skipId(skip), ...skip })
        return true
      } catch (error) {
        if (!isDuplicateKey(error)) throw error
        return false
      }
    },
    removeSkip: async (skip) => {
      crashPoint('skip:to-delete')
      return (await skips.deleteOne({ _id: skipId(skip) })).deletedCount === 1
    },
  }
}
