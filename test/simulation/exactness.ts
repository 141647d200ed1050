import { isDeepStrictEqual } from 'node:util'
import type { RecordedEvent } from '../../src/domain/recorded-event.ts'
import { decodeKey, encodeKey, type Key } from '../../src/read-model-store/key.ts'
import { naiveFolds } from '../../src/verify/folds/index.ts'
import type { NaiveFold, NaiveRow } from '../../src/verify/folds/naive-fold.ts'
import { sortedRows, type Table } from '../support/memory-generation.ts'

/**
 * The first difference of a generation from the naive fold of the log up to its checkpoint, or, for
 * a row that is further, up to its guard. Undefined if there is no difference.
 */
export function inexactness(table: Table, log: readonly RecordedEvent[]): string | undefined {
  const fold = naiveFolds.find(({ model }) => model === table.info.model)
  if (fold === undefined) throw new Error(`no naive fold for ${table.info.model}`)
  const named = log.filter(({ event }) => fold.events.includes(event.type))
  return wrongCheckpoint(table, named) ?? wrongRow(table, expectedRows(fold, table, named))
}

function wrongCheckpoint(table: Table, log: readonly RecordedEvent[]): string | undefined {
  for (const [partition, { next, applied }] of table.checkpoint) {
    const below = log.filter((of) => of.partition === partition && of.offset < next).length
    if (below !== applied) {
      return `partition ${partition}: ${applied} events applied of ${below} below ${next}`
    }
  }
  return undefined
}

type Expected = ReadonlyMap<Key, Readonly<{ row: unknown; count: number | null }>>

const expectedRows = (fold: NaiveFold, table: Table, log: readonly RecordedEvent[]): Expected =>
  fold.kind === 'series' ? seriesRows(fold, table, log) : stateRows(fold, table, log)

type Naive<Kind> = Extract<NaiveFold, { kind: Kind }>

function seriesRows(fold: Naive<'series'>, table: Table, log: readonly RecordedEvent[]): Expected {
  const rows = log.map((recorded) => [encodeKey(fold.key(recorded)), recorded] as const)
  const there = rows.filter(([key, recorded]) => isBelow(table, recorded) || table.rows.has(key))
  return new Map(there.map(([key, recorded]) => [key, { row: fold.row(recorded), count: null }]))
}

function stateRows(fold: Naive<'state'>, table: Table, log: readonly RecordedEvent[]): Expected {
  const rows = new Map<Key, { row: NaiveRow; count: number }>()
  for (const recorded of log) {
    for (const parts of fold.keys(recorded)) {
      const key = encodeKey(parts)
      if (!isBelow(table, recorded) && !isGuarded(table, key, recorded)) continue
      const at = rows.get(key) ?? { row: fold.start(parts), count: 0 }
      rows.set(key, at)
      at.row.add(recorded)
      at.count += 1
    }
  }
  return new Map(Array.from(rows, ([key, { row, count }]) => [key, { row: row.row(), count }]))
}

const isBelow = ({ checkpoint }: Table, { partition, offset }: RecordedEvent): boolean =>
  offset < (checkpoint.get(partition)?.next ?? 0)

function isGuarded({ rows }: Table, key: Key, { partition, offset }: RecordedEvent): boolean {
  const guards = (rows.get(key)?.guard ?? '').split(',').map((of) => of.split(':').map(Number))
  return guards.some(([of, last = -1]) => of === partition && offset <= last)
}

function wrongRow(table: Table, expected: Expected): string | undefined {
  const missing = [...expected.keys()].find((key) => !table.rows.has(key))
  if (missing !== undefined) return `row ${decodeKey(missing).join(' ')} is missing`
  for (const { key, value, count } of sortedRows(table)) {
    const should = expected.get(key)
    const actual = { row: value, count }
    if (!isDeepStrictEqual(actual, should)) {
      const texts = [JSON.stringify(actual), JSON.stringify(should)]
      return `row ${decodeKey(key).join(' ')} is ${texts[0]}, should be ${texts[1]}`
    }
  }
  return undefined
}
