import type { RecordedEvent } from '../domain/recorded-event.ts'
import { encodeKey, type Key, type KeyPart } from '../read-model-store/key.ts'
import type { Guard, SeriesWrite, StateWrite } from '../read-model-store/read-model-store.ts'
import { advanceGuard, lastOffset } from './guard.ts'
import type { SeriesProjection, StateProjection } from './projection.ts'

/** A row as it is stored, in the form that a projection evolves. */
export type FoldedRow<State> = Readonly<{ state: State; guard: Guard; count: number }>

/** One step of a state fold: this event goes into the row of this key. */
export type Step = Readonly<{ key: Key; parts: readonly KeyPart[]; recorded: RecordedEvent }>

export const foldSeries = (
  projection: SeriesProjection,
  events: readonly RecordedEvent[],
): readonly SeriesWrite[] =>
  events.map((recorded) => ({
    key: encodeKey([...projection.key(recorded), recorded.partition, recorded.offset]),
    value: projection.row(recorded),
  }))

/** Every row that every event touches, in the order of the events. */
export const stepsOf = <State>(
  projection: StateProjection<State>,
  events: readonly RecordedEvent[],
): readonly Step[] => {
  const steps: Step[] = []
  for (const recorded of events) {
    for (const parts of projection.keys(recorded)) {
      steps.push({ key: encodeKey(parts), parts, recorded })
    }
  }
  return steps
}

/**
 * Takes the steps of one partition into the rows, which `stored` gives where there are any. A row
 * passes over what its guard says it has already, so applying a batch again changes nothing.
 */
export const foldState = <State>(
  projection: StateProjection<State>,
  partition: number,
  steps: readonly Step[],
  stored: (key: Key) => FoldedRow<State> | undefined,
): ReadonlyMap<Key, FoldedRow<State>> => {
  const rows = new Map<Key, OpenRow<State>>()
  for (const { key, parts, recorded } of steps) {
    let row = rows.get(key)
    if (row === undefined) {
      row = openRow(projection, partition, parts, stored(key))
      rows.set(key, row)
    }
    if (recorded.offset <= row.offset) continue
    row.state = projection.evolve(row.state, recorded)
    row.offset = recorded.offset
    row.count += 1
    row.changed = true
  }
  return closeRows(partition, rows)
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

type OpenRow<State> = {
  state: State
  guard: Guard | null
  offset: number
  count: number
  changed: boolean
}

const openRow = <State>(
  projection: StateProjection<State>,
  partition: number,
  parts: readonly KeyPart[],
  row: FoldedRow<State> | undefined,
): OpenRow<State> =>
  row === undefined
    ? { state: projection.initial(parts), guard: null, offset: -1, count: 0, changed: false }
    : { ...row, offset: lastOffset(row.guard, partition), changed: false }

const closeRows = <State>(
  partition: number,
  rows: ReadonlyMap<Key, OpenRow<State>>,
): ReadonlyMap<Key, FoldedRow<State>> => {
  const closed = new Map<Key, FoldedRow<State>>()
  for (const [key, { state, guard, offset, count, changed }] of rows) {
    if (changed) closed.set(key, { state, guard: advanceGuard(guard, partition, offset), count })
  }
  return closed
}
