import type { EventType } from '../../domain/event.ts'
import type { RecordedEvent } from '../../domain/recorded-event.ts'
import type { KeyPart } from '../../read-model-store/key.ts'
import type { Row } from '../../read-model-store/read-model-store.ts'

/**
 * What a read model should hold, computed a second time, as plainly as can be. It shares no code
 * with the projections: where both agree, that is evidence.
 */
export type NaiveFold = NaiveSeries | NaiveState

type Common = Readonly<{
  model: string
  /** The version of the projection that it agrees with. */
  version: number
  /** The event types that count; others are to be passed over. */
  events: readonly EventType[]
}>

/** One row for each event. */
export type NaiveSeries = Common &
  Readonly<{
    kind: 'series'
    /** The whole key of the event's row, its position included. */
    key: (recorded: RecordedEvent) => readonly KeyPart[]
    row: (recorded: RecordedEvent) => Row
  }>

/** One row for each key, made of all the key's events. */
export type NaiveState = Common &
  Readonly<{
    kind: 'state'
    keys: (recorded: RecordedEvent) => readonly (readonly KeyPart[])[]
    start: (key: readonly KeyPart[]) => NaiveRow
  }>

/**
 * A row under way. It takes each event of its key once: those of a partition in the order of their
 * offsets, partitions in any order.
 */
export type NaiveRow = Readonly<{
  add: (recorded: RecordedEvent) => void
  /** The row as it should be stored after the events added so far: at least one. */
  row: () => Row
}>
