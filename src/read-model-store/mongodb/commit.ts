/**
 * One batch without a transaction, in three steps. A crash after any of them does no harm.
 *
 * 1. The generation must exist, and the checkpoint must be `from`: claim it, by an id of this
 *    commit alone. Rows were read before. If the database was emptied or put back to an earlier
 *    copy since, this step fails: nothing is folded onto rows that lack events.
 * 2. Write each row. A series row has its own key, and a duplicate is the same row. A state row is
 *    replaced only if the stored guard is the one it was read with; an absent row is inserted.
 *    Every writer, however late, writes the fold of all the key's events up to the row's guard. If
 *    the row is ahead of the checkpoint, its guard makes the next run skip the events in it. So a
 *    row that a rival has brought as far as this commit would, or further, counts as written.
 * 3. When all rows are durable on a majority, move the checkpoint from `from` to `to` by
 *    compare-and-set. Not before, or a failover could keep the checkpoint and lose the rows. The
 *    checkpoint must still have the claim: a copy at `from` that was put back since step 2 lacks
 *    it, as it lacks the rows.
 *
 * Of rivals at one checkpoint one wins. A claim removes no other claim, so only the first move ends
 * the others. The rival with the lowest `to` finds every row as far as it needs, or further, so it
 * can always move. No commit waits for the claim of a crashed one.
 *
 * A network error leaves the outcome unknown; the caller starts again at the stored checkpoint.
 */

import { randomUUID } from 'node:crypto'
import type { Collection } from 'mongodb'
import { crashPoint } from '../../runtime/crash-point.ts'
import { covers } from '../guard.ts'
import type { Commit, Guard, SeriesWrite, StateWrite } from '../read-model-store.ts'
import { publishRowsWritten } from '../rows-written.ts'
import type { Catalogue } from './catalogue.ts'
import { claimCheckpoint, moveCheckpoint } from './checkpoints.ts'
import { isOnlyDuplicateKeys } from './errors.ts'
import { loadGeneration } from './generations.ts'
import { documentOfSeries, documentOfState, type RowDocument } from './rows.ts'

export async function commitBatch(
  catalogue: Catalogue,
  rows: Collection<RowDocument>,
  commit: Commit,
): Promise<'committed' | 'moved'> {
  const { checkpoints } = catalogue
  const generation = rows.collectionName
  const claim = randomUUID()
  await loadGeneration(catalogue, generation)
  crashPoint('rows:generation-there')
  if (!(await claimCheckpoint(checkpoints, generation, commit, claim))) return 'moved'
  crashPoint('checkpoint:claimed')
  if (!(await writeRows(rows, commit.rows))) return 'moved'
  crashPoint('rows:written')
  publishRowsWritten(commit)
  const moved = await moveCheckpoint(checkpoints, generation, commit, claim)
  crashPoint('checkpoint:moved')
  // In an emptied database an update of the claim fails at step 1, but an insert succeeds.
  if (commit.from === 0) await loadGeneration(catalogue, generation)
  return moved ? 'committed' : 'moved'
}

async function writeRows(
  collection: Collection<RowDocument>,
  rows: Commit['rows'],
): Promise<boolean> {
  if (rows.writes.length === 0) return true
  return rows.kind === 'series'
    ? insertSeries(collection, rows.writes)
    : writeStates(collection, rows.writes)
}

async function insertSeries(
  collection: Collection<RowDocument>,
  writes: readonly SeriesWrite[],
): Promise<boolean> {
  try {
    await collection.insertMany(writes.map(documentOfSeries), { ordered: false })
    crashPoint('rows:series-inserted')
  } catch (error) {
    if (!isOnlyDuplicateKeys(error)) throw error
  }
  return true
}

/** Present rows first: if one of them has moved, nothing is inserted. */
async function writeStates(
  collection: Collection<RowDocument>,
  writes: readonly StateWrite[],
): Promise<boolean> {
  const present = writes.filter(isPresent)
  const absent = writes.filter(({ expected }) => expected === null)
  if (present.length > 0 && !(await replaceStates(collection, present))) return false
  crashPoint('rows:states-replaced')
  return absent.length === 0 || insertStates(collection, absent)
}

type PresentWrite = StateWrite & Readonly<{ expected: Guard }>

const isPresent = (write: StateWrite): write is PresentWrite => write.expected !== null

/** A guard that doesn't match is no error: it lowers the count, so `ordered` costs nothing. */
async function replaceStates(
  collection: Collection<RowDocument>,
  writes: readonly PresentWrite[],
): Promise<boolean> {
  crashPoint('rows:states-ready')
  const { matchedCount } = await collection.bulkWrite(
    writes.map((write) => ({
      replaceOne: {
        filter: { _id: write.key, _guard: write.expected },
        replacement: documentOfState(write),
      },
    })),
    { ordered: true },
  )
  return matchedCount === writes.length || areWritten(collection, writes)
}

async function insertStates(
  collection: Collection<RowDocument>,
  writes: readonly StateWrite[],
): Promise<boolean> {
  crashPoint('rows:states-missing')
  try {
    await collection.insertMany(writes.map(documentOfState), { ordered: false })
    crashPoint('rows:states-inserted')
    return true
  } catch (error) {
    if (!isOnlyDuplicateKeys(error)) throw error
    return areWritten(collection, writes)
  }
}

/**
 * Whether each row is as far as this commit would bring it, or further, by a rival: the next
 * attempt would skip the events in it. A failover must not lose such a row after the checkpoint has
 * moved; the write that missed it has waited until a majority had it.
 */
async function areWritten(
  collection: Collection<RowDocument>,
  writes: readonly StateWrite[],
): Promise<boolean> {
  const filter = { _id: { $in: writes.map(({ key }) => key) } }
  const options = { projection: { _guard: 1, _count: 1 }, readConcern: 'majority' } as const
  const documents = await collection.find(filter, options).toArray()
  const rows = new Map(documents.map((row) => [row._id, row]))
  return writes.every(({ key, guard, count }) => {
    const { _guard = null, _count } = rows.get(key) ?? {}
    return _guard === guard ? _count === count : covers(_guard, guard)
  })
}
