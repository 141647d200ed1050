import type { RecordedEvent } from '../domain/recorded-event.ts'
import { encodeKey, type Key, type KeyPart } from '../read-model-store/key.ts'
import type { Guard, SeriesWrite, StateWrite } from '../read-model-store/read-model-store.ts'
import { advanceGuard, lastOffset } from './guard.ts'
import type { SeriesProjection, StateProjection } from './projection.ts'

/** A row as it is stored, in the form that a projection evolves. */
export type FoldedRow<State> = Readonly<{ state: State; guard: Guard; count: number }>

/** A row that a batch touches: the events that go into it, in their order. */
export type TouchedRow = Readonly<{
  parts: readonly KeyPart[]
  events: readonly RecordedEvent[]
}>

export const foldSeries = (
  projection: SeriesProjection,
  events: readonly RecordedEvent[],
): readonly SeriesWrite[] =>
  events.map((recorded) => ({
    key: encodeKey([...projection.key(recorded), recorded.partition, recorded.offset]),
    value: projection.row(recorded),
  }))

/** Every row that some of the events touch. A key that an event gives twice is touched once. */
export const touchedRows = <State>(
  projection: StateProjection<State>,
  events: readonly RecordedEvent[],
): ReadonlyMap<Key, TouchedRow> => {
  const rows = new Map<Key, { parts: readonly KeyPart[]; events: RecordedEvent[] }>()
  for (const recorded of events) {
    for (const parts of projection.keys(recorded)) {
      const key = encodeKey(parts)
      const row = rows.get(key)
      if (row === undefined) rows.set(key, { parts, events: [recorded] })
      else if (row.events.at(-1) !== recorded) row.events.push(recorded)
    }
  }
  return rows
}

/**
 * Takes the events of one partition into the rows that they touch, which `stored` gives where there
 * are any. A row passes over what its guard says it has already, so applying a batch again changes
 * nothing; rows that don't change are left out.
 */
export const foldState = <State>(
  projection: StateProjection<State>,
  partition: number,
  touched: ReadonlyMap<Key, TouchedRow>,
  stored: (key: Key) => FoldedRow<State> | undefined,
): ReadonlyMap<Key, FoldedRow<State>> => {
  const rows = new Map<Key, FoldedRow<State>>()
  for (const [key, { parts, events }] of touched) {
    const before = stored(key)
    const last = lastOffset(before?.guard ?? null, partition)
    const fresh = events.filter(({ offset }) => offset > last)
    const newest = fresh.at(-1)
    if (newest === undefined) continue
    rows.set(key, {
      state: fresh.reduce(projection.evolve, before?.state ?? projection.initial(parts)),
      guard: advanceGuard(before?.guard ?? null, partition, newest.offset),
      count: (before?.count ?? 0) + fresh.length,
    })
  }
  return rows
}

/** What has to be written for folded rows, each only over the row it grew from. */
export const writesOf = <State>(
  projection: StateProjection<State>,
  folded: ReadonlyMap<Key, FoldedRow<State>>,
  stored: (key: Key) => FoldedRow<State> | undefined,
): readonly StateWrite[] =>
  Array.from(folded, ([key, { state, guard, count }]) => ({
    key,
    value: projection.store(state),
    guard,
    count,
    expected: stored(key)?.guard ?? null,
  }))
