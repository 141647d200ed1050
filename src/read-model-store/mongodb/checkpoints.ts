import type { Collection, Db } from 'mongodb'
import { crashPoint } from '../../runtime/crash-point.ts'
import type { Checkpoint, Commit, PartitionCheckpoint } from '../read-model-store.ts'
import { isDuplicateKey } from './errors.ts'

/** One document per generation and partition, so that partitions don't wait for each other. */
export type CheckpointDocument = PartitionCheckpoint & {
  /** `<generation>:<partition>` */
  _id: string
  partition: number
  /** Of the commit that is about to move it, or null. */
  claim: string | null
}

export type Checkpoints = Collection<CheckpointDocument>

export const checkpointsOf = (db: Db): Checkpoints =>
  db.collection<CheckpointDocument>('tradelog_checkpoints')

export async function readCheckpoint(
  checkpoints: Checkpoints,
  generation: string,
): Promise<Checkpoint> {
  const documents = await checkpoints.find({ _id: idsOf(generation) }).toArray()
  return new Map(
    documents
      .filter(({ next }) => next > 0)
      .map(({ partition, next, applied, origin }) => [partition, { next, applied, origin }]),
  )
}

/**
 * Marks a checkpoint that is at `from` with the name of one commit; false where it isn't. A mark that
 * is lost in a failover stops only the move, so it needs no majority.
 */
export async function claimCheckpoint(
  checkpoints: Checkpoints,
  generation: string,
  { partition, from }: Commit,
  claim: string,
): Promise<boolean> {
  const _id = idOf(generation, partition)
  const writeConcern = { w: 1 }
  const mark = { $set: { claim } }
  crashPoint('checkpoint:to-claim')
  const { matchedCount } = await checkpoints.updateOne({ _id, next: from }, mark, { writeConcern })
  if (matchedCount === 1 || from > 0) return matchedCount === 1
  try {
    const empty = { _id, partition, next: 0, applied: 0, origin: '', claim }
    crashPoint('checkpoint:to-insert')
    await checkpoints.insertOne(empty, { writeConcern })
    return true
  } catch (error) {
    if (!isDuplicateKey(error)) throw error
    return false
  }
}

/** By compare-and-set from `from`, where the claim is still there; false where it isn't. */
export async function moveCheckpoint(
  checkpoints: Checkpoints,
  generation: string,
  { partition, from, to, applied, origin }: Commit,
  claim: string,
): Promise<boolean> {
  const _id = idOf(generation, partition)
  const place = { next: to, applied, origin, claim: null }
  crashPoint('checkpoint:to-move')
  const { matchedCount } = await checkpoints.updateOne({ _id, next: from, claim }, { $set: place })
  return matchedCount === 1
}

export async function deleteCheckpoint(
  checkpoints: Checkpoints,
  generation: string,
): Promise<void> {
  await checkpoints.deleteMany({ _id: idsOf(generation) })
}

const idOf = (generation: string, partition: number): string => `${generation}:${partition}`

/** A semicolon is the character after the colon. */
const idsOf = (generation: string) => ({ $gte: `${generation}:`, $lt: `${generation};` })
