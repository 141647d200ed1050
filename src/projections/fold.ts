import type { RecordedEvent } from '../domain/recorded-event.ts'
import { advanceGuard, lastOffset } from '../read-model-store/guard.ts'
import { encodeKey, type Key, type KeyPart } from '../read-model-store/key.ts'
import type { Guard, Row, SeriesWrite, StateWrite } from '../read-model-store/read-model-store.ts'
import type { SeriesProjection, StateProjection } from './projection.ts'

/** A state row as it is stored. */
export type FoldedRow = Readonly<{ value: Row; guard: Guard; count: number }>

/** The rows that a batch touches. */
type TouchedRows = Readonly<{
  /** Each row once. */
  rows: readonly Readonly<{ key: Key; parts: readonly KeyPart[] }>[]
  /** For every event, the indexes in `rows` of the rows that it changes. */
  ofEvents: readonly (readonly number[])[]
}>

export const foldSeries = (
  projection: SeriesProjection,
  events: readonly RecordedEvent[],
): readonly SeriesWrite[] =>
  events.map((recorded) => ({
    key: encodeKey([...projection.key(recorded), recorded.partition, recorded.offset]),
    value: projection.row(recorded),
  }))

/**
 * The rows that the events touch. A key that an event lists twice counts once. Keys are encoded
 * once for all events that share one list of keys.
 */
export function touchedRows(
  projection: StateProjection,
  events: readonly RecordedEvent[],
): TouchedRows {
  const rows: { key: Key; parts: readonly KeyPart[] }[] = []
  const indexOf = new Map<Key, number>()
  const indexesOf = new Map<object, readonly number[]>()
  const touch = (parts: readonly KeyPart[]): number => {
    const key = encodeKey(parts)
    const index = indexOf.get(key) ?? rows.push({ key, parts }) - 1
    indexOf.set(key, index)
    return index
  }
  const ofEvents = events.map((recorded) => {
    const keys = projection.keys(recorded)
    const indexes = indexesOf.get(keys) ?? [...new Set(keys.map(touch))]
    indexesOf.set(keys, indexes)
    return indexes
  })
  return { rows, ofEvents }
}

/**
 * Folds the events of one partition into the rows that they touch. `stored` returns a stored row,
 * if there is one. A write replaces only the row that it was folded from. A row ignores events that
 * its guard covers, so applying a batch again changes nothing. A row that has all of them is
 * written as it was: so the store notices if the row was lost after it was read.
 */
export function foldState(
  projection: StateProjection,
  partition: number,
  events: readonly RecordedEvent[],
  touched: TouchedRows,
  stored: (key: Key) => FoldedRow | undefined,
): readonly StateWrite[] {
  const drafts = touched.rows.map(({ key, parts }) => {
    const before = stored(key)
    const state = before === undefined ? projection.initial(parts) : projection.load(before.value)
    const last = lastOffset(before?.guard ?? null, partition)
    return { key, before, state, last, fresh: 0 }
  })
  for (const [i, recorded] of events.entries()) {
    for (const index of touched.ofEvents[i] ?? []) {
      const draft = drafts[index]
      if (draft === undefined || recorded.offset <= draft.last) continue
      draft.state = projection.evolve(draft.state, recorded)
      draft.last = recorded.offset
      draft.fresh++
    }
  }
  return drafts.map(({ key, before, state, last, fresh }) => ({
    key,
    value: projection.store(state),
    guard: advanceGuard(before?.guard ?? null, partition, last),
    count: (before?.count ?? 0) + fresh,
    expected: before?.guard ?? null,
  }))
}
