import * as assert from 'uvu/assert'
import type { TradelogEvent } from '../../src/domain/event.ts'
import type { RecordedEvent } from '../../src/domain/recorded-event.ts'
import { foldSeries, foldState, touchedRows } from '../../src/projections/fold.ts'
import type {
  Projection,
  ReadModel,
  SeriesProjection,
  StateProjection,
} from '../../src/projections/projection.ts'
import { encodeKey, type Key, type KeyPart } from '../../src/read-model-store/key.ts'
import type { Guard, Row } from '../../src/read-model-store/read-model-store.ts'

type Folded<R = Row> = Readonly<{ value: R; guard: Guard; count: number }>

export type Outcome<R extends Row> = Readonly<{
  /** The row of this key has these fields; it may have others. */
  thenRow: (key: readonly KeyPart[], fields: Partial<R>) => Outcome<R>
  /** These keys have rows, in any order, and no others. */
  thenKeys: (...keys: readonly (readonly KeyPart[])[]) => Outcome<R>
  /** For checks beyond equality. */
  rows: readonly R[]
}>

/**
 * `given(events).when(projection).thenRow(key, fields)`: what a read model holds after these
 * events. Bare ones are recorded in partition 0, in their order.
 */
export const given = (given: readonly (TradelogEvent | RecordedEvent)[]) => ({
  when: <R extends Row>(projection: ReadModel<R>): Outcome<R> => {
    const events = given
      .map(recordedOf)
      .filter(({ event }) => projection.events.includes(event.type))
    const rows = new Map<Key, Folded>()
    // One by one, so that every event reads the row in its stored form, as after a restart.
    for (const recorded of events) apply(projection, recorded, rows)
    const once = JSON.stringify([...rows])
    for (const recorded of events) apply(projection, recorded, rows)
    assert.is(JSON.stringify([...rows]), once, 'applied twice, the rows are others')
    return outcomeOf(rows as ReadonlyMap<Key, Folded<R>>)
  },
})

const recordedOf = (one: TradelogEvent | RecordedEvent, offset: number): RecordedEvent =>
  'event' in one ? one : { partition: 0, offset, recordedAt: 0, event: one }

function apply(projection: Projection, recorded: RecordedEvent, rows: Map<Key, Folded>): void {
  if (projection.kind === 'state') applyToState(projection, recorded, rows)
  else applyToSeries(projection, recorded, rows)
}

function applyToSeries(
  projection: SeriesProjection,
  recorded: RecordedEvent,
  rows: Map<Key, Folded>,
): void {
  for (const { key, value } of foldSeries(projection, [recorded])) {
    rows.set(key, { value: asStored(value), guard: '', count: 1 })
  }
}

function applyToState(
  projection: StateProjection,
  recorded: RecordedEvent,
  rows: Map<Key, Folded>,
): void {
  const touched = touchedRows(projection, [recorded])
  const stored = (key: Key) => rows.get(key)
  const writes = foldState(projection, recorded.partition, [recorded], touched, stored)
  for (const { key, value, guard, count } of writes) {
    rows.set(key, { value: asStored(value), guard, count })
  }
}

const asStored = (value: Row): Row => JSON.parse(JSON.stringify(value))

function outcomeOf<R extends Row>(rows: ReadonlyMap<Key, Folded<R>>): Outcome<R> {
  const row = (...key: readonly KeyPart[]): R => {
    const found = rows.get(encodeKey(key))
    if (found === undefined) throw new Error(`no row ${key.join(' ')}`)
    return found.value
  }
  const outcome: Outcome<R> = {
    rows: Array.from(rows.values(), ({ value }) => value),
    thenRow: (key, fields) => {
      const found = row(...key)
      assert.equal(Object.fromEntries(Object.keys(fields).map((f) => [f, found[f]])), fields)
      return outcome
    },
    thenKeys: (...keys) => {
      assert.equal([...rows.keys()].sort(), keys.map(encodeKey).sort())
      return outcome
    },
  }
  return outcome
}
