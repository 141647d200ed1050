import type { Collection, Db } from 'mongodb'
import { isDuplicateKey } from './mongodb-errors.ts'
import type { Checkpoint, Commit, PartitionCheckpoint } from './read-model-store.ts'

/** One document per generation and partition, so that partitions don't wait for each other. */
export type CheckpointDocument = PartitionCheckpoint & {
  /** `<generation>:<partition>` */
  _id: string
  partition: number
}

export type Checkpoints = Collection<CheckpointDocument>

export const checkpointsOf = (db: Db): Checkpoints =>
  db.collection<CheckpointDocument>('tradelog_checkpoints')

export const readCheckpoint = async (
  checkpoints: Checkpoints,
  generation: string,
): Promise<Checkpoint> => {
  const documents = await checkpoints.find({ _id: idsOf(generation) }).toArray()
  return new Map(
    documents.map(({ partition, next, applied, origin }) => [partition, { next, applied, origin }]),
  )
}

/** The next offset of one partition. */
export const readPosition = async (
  checkpoints: Checkpoints,
  generation: string,
  partition: number,
): Promise<number> => (await checkpoints.findOne({ _id: idOf(generation, partition) }))?.next ?? 0

/** By compare-and-set from `from`, the first time by insert; false where somebody else was first. */
export const moveCheckpoint = async (
  checkpoints: Checkpoints,
  generation: string,
  { partition, from, to, applied, origin }: Commit,
): Promise<boolean> => {
  const _id = idOf(generation, partition)
  const place = { next: to, applied, origin }
  if (from > 0) {
    return (await checkpoints.updateOne({ _id, next: from }, { $set: place })).matchedCount === 1
  }
  try {
    await checkpoints.insertOne({ _id, partition, ...place })
    return true
  } catch (error) {
    if (!isDuplicateKey(error)) throw error
    return false
  }
}

export const deleteCheckpoint = async (
  checkpoints: Checkpoints,
  generation: string,
): Promise<void> => {
  await checkpoints.deleteMany({ _id: idsOf(generation) })
}

const idOf = (generation: string, partition: number): string => `${generation}:${partition}`

/** A semicolon is the character after the colon. */
const idsOf = (generation: string) => ({ $gte: `${generation}:`, $lt: `${generation};` })
