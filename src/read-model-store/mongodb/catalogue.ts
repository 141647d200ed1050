import type { Collection, Db } from 'mongodb'
import type { UnixMs } from '../../domain/time.ts'
import { crashPoint } from '../../runtime/crash-point.ts'
import {
  type GenerationInfo,
  type Pointer,
  type ReadModelStore,
  type Skip,
  type StatusRow,
  skipId,
} from '../read-model-store.ts'
import { type Checkpoints, checkpointsOf } from './checkpoints.ts'
import type { Connection } from './connection.ts'
import { tryInsert } from './errors.ts'

/** What a store and its generations share: every collection but those of rows. */
export type Catalogue = Readonly<{
  db: Db
  generations: Collection<GenerationDocument>
  checkpoints: Checkpoints
  pointers: Collection<PointerDocument>
  skips: Collection<SkipDocument>
  statuses: Collection<StatusDocument>
}>

/**
 * A generation exists while its document does. An insert makes a missing collection anew, so every
 * commit looks here first: what a late writer inserts into an emptied database is no generation.
 */
export type GenerationDocument = Omit<GenerationInfo, 'id'> & {
  _id: string
  /** Set before the rows are removed; the document stays a while to clear up after late writers. */
  droppedAt: UnixMs | null
}

type PointerDocument = Omit<Pointer, 'model'> & { _id: string }
type SkipDocument = Skip & { _id: string }
type StatusDocument = Omit<StatusRow, 'source'> & { _id: string }

export const catalogueOf = ({ db }: Connection): Catalogue => ({
  db,
  generations: db.collection('tradelog_generations'),
  checkpoints: checkpointsOf(db),
  pointers: db.collection('tradelog_read_models'),
  skips: db.collection('tradelog_skips'),
  statuses: db.collection('tradelog_status'),
})

export async function findPointer(
  { pointers }: Catalogue,
  model: string,
): Promise<Pointer | undefined> {
  const found = await pointers.findOne({ _id: model })
  if (found === null) return undefined
  const { _id, ...pointer } = found
  return { model: _id, ...pointer }
}

/** By compare-and-set on the active generation; the first pointer of a model by insert. */
export async function promote(
  { pointers }: Catalogue,
  { model, ...pointer }: Pointer,
  expected: string | null,
): Promise<boolean> {
  if (expected === null) {
    crashPoint('promotion:to-insert')
    return tryInsert(pointers, { _id: model, ...pointer })
  }
  const filter = { _id: model, active: expected }
  crashPoint('promotion:to-update')
  return (await pointers.updateOne(filter, { $set: pointer })).matchedCount === 1
}

export const skipsIn = ({
  skips,
}: Catalogue): Pick<ReadModelStore, 'skips' | 'addSkip' | 'removeSkip'> => ({
  skips: async (model) => {
    const documents = await skips.find(model === undefined ? {} : { model }).toArray()
    return documents.map(({ _id, ...skip }) => skip).sort((a, b) => a.at - b.at)
  },
  addSkip: async (skip) => {
    crashPoint('skip:to-insert')
    return tryInsert(skips, { _id: skipId(skip), ...skip })
  },
  removeSkip: async (skip) => {
    crashPoint('skip:to-delete')
    return (await skips.deleteOne({ _id: skipId(skip) })).deletedCount === 1
  },
})

/** Every process has a new name, so statuses would pile up. */
const statusKeptMs = 7 * 24 * 60 * 60 * 1000

export function statusesIn({
  statuses,
}: Catalogue): Pick<ReadModelStore, 'writeStatus' | 'statuses'> {
  let hasDeletedOld = false

  const list = async (): Promise<StatusRow[]> => {
    const documents = await statuses.find().toArray()
    return documents
      .map(({ _id, ...rest }) => ({ source: _id, ...rest }))
      .sort((a, b) => b.writtenAt - a.writtenAt)
  }
  const deleteOld = async () => {
    const old = (await list()).filter(({ writtenAt }) => writtenAt < Date.now() - statusKeptMs)
    await statuses.deleteMany({ _id: { $in: old.map(({ source }) => source) } })
  }
  return {
    writeStatus: async (source, status) => {
      const document = { writtenAt: Date.now(), status }
      await statuses.replaceOne({ _id: source }, document, { upsert: true })
      if (hasDeletedOld) return
      hasDeletedOld = true
      await deleteOld()
    },
    statuses: list,
  }
}
