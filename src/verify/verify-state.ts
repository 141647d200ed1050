import { parseGuard } from '../read-model-store/guard.ts'
import { encodeKey, type Key } from '../read-model-store/key.ts'
import type { Generation, StoredRow } from '../read-model-store/read-model-store.ts'
import { type Difference, sameRow } from './difference.ts'
import type { NaiveRow, NaiveState } from './folds/naive-fold.ts'
import { eachEvent, type LogReader } from './log-reader.ts'

export type Comparison = Readonly<{ rowsCompared: number; differences: readonly Difference[] }>

/** Rows held in memory at a time: a larger model is compared in several passes over the log. */
const rowsAtOnceMax = 200_000

/**
 * Compares every row of a state model with a naive fold of its key's events, up to the later of the
 * checkpoint and the row's guard. The checkpoint is read before the rows, so a row that is behind
 * it is wrong. Rows that differ are compared again, before they are reported.
 */
export async function verifyState(
  fold: NaiveState,
  generation: Generation,
  reader: LogReader,
): Promise<Comparison> {
  const { rows } = await generation.count(reader.signal)
  const passes = Math.ceil(rows / rowsAtOnceMax) || 1
  const found = { rowsCompared: 0, differences: [] as Difference[] }
  for (let pass = 0; pass < passes; pass++) {
    const isOurs = (key: Key) => passes === 1 || shardOf(key, passes) === pass
    const first = await compareRows(fold, generation, reader, isOurs)
    found.rowsCompared += first.rowsCompared
    if (first.differences.length === 0) continue
    const doubtful = new Set(first.differences.map(({ key }) => key))
    const second = await compareRows(fold, generation, reader, (key) => doubtful.has(key))
    found.differences.push(...second.differences)
  }
  return found
}

async function compareRows(
  fold: NaiveState,
  generation: Generation,
  reader: LogReader,
  isOurs: (key: Key) => boolean,
): Promise<Comparison> {
  const checkpoint = await generation.checkpoint()
  const stored = new Map<Key, StoredRow>()
  for await (const rows of generation.scan({ signal: reader.signal })) {
    for (const row of rows) if (isOurs(row.key)) stored.set(row.key, row)
  }
  const checked = new Map(Array.from(checkpoint, ([partition, { next }]) => [partition, next]))
  const expected = await foldKeys(fold, reader, isOurs, checked, stored)
  return compare(expected, stored)
}

type FoldedKey = { row: NaiveRow; count: number }

async function foldKeys(
  fold: NaiveState,
  reader: LogReader,
  isOurs: (key: Key) => boolean,
  checked: ReadonlyMap<number, number>,
  stored: ReadonlyMap<Key, StoredRow>,
): Promise<ReadonlyMap<Key, FoldedKey>> {
  const applied = new Map(Array.from(stored, ([key, { guard }]) => [key, parseGuard(guard)]))
  const folded = new Map<Key, FoldedKey>()
  for (const { partition, head } of await reader.eventStore.heads()) {
    const next = checked.get(partition) ?? 0
    const below = (key: Key) => Math.max(next, (applied.get(key)?.get(partition) ?? -1) + 1)
    let to = next
    for (const key of stored.keys()) to = Math.max(to, below(key))
    to = Math.min(to, head)
    await eachEvent(reader, { partition, from: 0, to }, fold.events, (recorded) => {
      for (const parts of fold.keys(recorded)) {
        const key = encodeKey(parts)
        if (!isOurs(key) || recorded.offset >= below(key)) continue
        const at = folded.get(key) ?? { row: fold.start(parts), count: 0 }
        at.row.add(recorded)
        at.count += 1
        folded.set(key, at)
      }
    })
  }
  return folded
}

function compare(
  expected: ReadonlyMap<Key, FoldedKey>,
  stored: ReadonlyMap<Key, StoredRow>,
): Comparison {
  const differences: Difference[] = []
  for (const [key, { row, count }] of expected) {
    const actual = stored.get(key)
    const should = row.row()
    if (actual === undefined) differences.push({ key, expected: should, actual: null })
    else if (!sameRow(should, actual.value)) {
      differences.push({ key, expected: should, actual: actual.value })
    } else if (actual.count !== count) {
      const [events, is] = [{ eventsFolded: count }, { eventsFolded: actual.count }]
      differences.push({ key, expected: events, actual: is })
    }
  }
  for (const [key, { value }] of stored) {
    if (!expected.has(key)) differences.push({ key, expected: null, actual: value })
  }
  return { rowsCompared: stored.size, differences }
}

function shardOf(key: Key, shards: number): number {
  let hash = 0
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0
  return (hash >>> 0) % shards
}
