import type { Collection, Db } from 'mongodb'
import { crashPoint } from '../../runtime/crash-point.ts'
import type { Checkpoint, Commit, PartitionCheckpoint } from '../read-model-store.ts'
import { tryInsert } from './errors.ts'

/** One document per generation and partition, so that partitions don't wait for each other. */
type CheckpointDocument = PartitionCheckpoint & {
  /** `<generation>:<partition>` */
  _id: string
  partition: number
  /** Ids of commits that are about to move it, or null. An earlier version stored one as text. */
  claim: readonly string[] | string | null
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

/** More than there are rivals at any time; claims of crashed commits must not pile up. */
const claimsMax = 16

/**
 * Adds the claim of one commit to a checkpoint that is at `from`; false if it isn't, or if another
 * commit claims it at the same moment. The claims of others stay: they may be of crashed commits,
 * or of rivals that have written their rows by now. A claim that is lost in a failover only
 * prevents the move, so it needs no majority.
 */
export async function claimCheckpoint(
  checkpoints: Checkpoints,
  generation: string,
  { partition, from }: Commit,
  claim: string,
): Promise<boolean> {
  const _id = idOf(generation, partition)
  if (await setClaims(checkpoints, { _id, next: from, claim: null }, [claim])) return true
  const found = await checkpoints.findOne({ _id, next: from })
  if (found !== null) {
    const claims = [...[found.claim ?? []].flat(), claim].slice(-claimsMax)
    return setClaims(checkpoints, { _id, next: from, claim: found.claim }, claims)
  }
  if (from > 0) return false
  const empty = { _id, partition, next: 0, applied: 0, origin: '', claim: [claim] }
  crashPoint('checkpoint:to-insert')
  return tryInsert(checkpoints, empty, { writeConcern: claimWriteConcern })
}

const claimWriteConcern = { w: 1 }

async function setClaims(
  checkpoints: Checkpoints,
  filter: Pick<CheckpointDocument, '_id' | 'next' | 'claim'>,
  claim: readonly string[],
): Promise<boolean> {
  const options = { writeConcern: claimWriteConcern }
  crashPoint('checkpoint:to-claim')
  const { matchedCount } = await checkpoints.updateOne(filter, { $set: { claim } }, options)
  return matchedCount === 1
}

/** Moves it by compare-and-set from `from`, if it still has the claim; false otherwise. */
export async function moveCheckpoint(
  checkpoints: Checkpoints,
  generation: string,
  { partition, from, to, applied, origin }: Commit,
  claim: string,
): Promise<boolean> {
  const _id = idOf(generation, partition)
  const moved = { next: to, applied, origin, claim: null }
  crashPoint('checkpoint:to-move')
  // Also matches a list that contains the claim.
  const { matchedCount } = await checkpoints.updateOne({ _id, next: from, claim }, { $set: moved })
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
