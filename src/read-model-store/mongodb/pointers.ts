import type { Db } from 'mongodb'
import { crashPoint } from '../../runtime/crash-point.ts'
import type { Pointer } from '../read-model-store.ts'
import { isDuplicateKey } from './errors.ts'
import type { Catalogue } from './generations.ts'

type PointerDocument = Omit<Pointer, 'model'> & { _id: string }

export async function findPointer(db: Db, model: string): Promise<Pointer | undefined> {
  const found = await pointersOf(db).findOne({ _id: model })
  if (found === null) return undefined
  const { _id, ...pointer } = found
  return { model: _id, ...pointer }
}

/** By compare-and-set on the active generation; the first pointer of a model by insert. */
export const promote = (
  { db, exclusively }: Catalogue,
  pointer: Pointer,
  expected: string | null,
): Promise<boolean> =>
  exclusively(`pointer:${pointer.model}`, () => compareAndSet(db, pointer, expected))

async function compareAndSet(
  db: Db,
  { model, ...pointer }: Pointer,
  expected: string | null,
): Promise<boolean> {
  if (expected !== null) {
    const filter = { _id: model, active: expected }
    crashPoint('promotion:to-update')
    return (await pointersOf(db).updateOne(filter, { $set: pointer })).matchedCount === 1
  }
  try {
    crashPoint('promotion:to-insert')
    await pointersOf(db).insertOne({ _id: model, ...pointer })
    return true
  } catch (error) {
    if (!isDuplicateKey(error)) throw error
    return false
  }
}

const pointersOf = (db: Db) => db.collection<PointerDocument>('tradelog_read_models')
