/**
 * One batch without a transaction, in three steps, each harmless when it is the last one done:
 *
 * 1. The generation must be there, and the checkpoint be `from`: claim it, by a mark of this commit
 *    alone. Rows were read before, so a database emptied or put back to an earlier copy in between
 *    shows here: nothing is folded onto rows that lack events.
 * 2. Write each row: a series row under its own key, where a duplicate is the same row; a state row
 *    only if the stored guard is the one it was read with, an absent one by insert. A row written
 *    here is the fold of all its key's events up to its guard, whoever writes it and however late:
 *    if it is ahead of the checkpoint, its guard makes the next run skip what is in it. So a row that
 *    a rival has brought as far as this commit would, or further, counts as written.
 * 3. When all of them are durable on a majority, move the checkpoint from `from` to `to` by
 *    compare-and-set. Not before, or a failover could keep the checkpoint and lose the rows. The
 *    claim must still be there: a copy that stands at `from` too, put back since step 2, lacks it,
 *    as it lacks the rows.
 *
 * Of rivals at one checkpoint one wins: a claim takes nobody else's away, so only the first move
 * ends the others; and no rival is behind the one whose `to` is lowest in any row, so that one can
 * always move. A crashed commit leaves a claim that nobody has to wait for.
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
  // Series rows are the same whoever writes them; rows and checkpoint of a state must fit together.
  const inSteps = () => commitInSteps(catalogue, rows, commit)
  return commit.rows.kind === 'series'
    ? inSteps()
    : catalogue.exclusively(rows.collectionName, inSteps)
}

async function commitInSteps(
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
  // A claim that is updated finds nothing in an emptied database; one that is inserted finds no fault.
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

/** A guard that doesn't match is no error but a row less in the sum, so `ordered` costs nothing. */
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
 * Whether each row is what was to be written, or further, by a rival: what the next attempt would
 * find, and pass over. It must not be lost in a failover after the checkpoint has moved; the write
 * that missed it has waited until a majority had it.
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
