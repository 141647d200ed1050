import type { TradelogEvent } from '../../domain/event.ts'
import type { RecordedEvent } from '../../domain/recorded-event.ts'
import type { KeyPart } from '../../read-model-store/key.ts'
import type { Row } from '../../read-model-store/read-model-store.ts'

/**
 * What a read model should hold, computed a second time in the plainest way. It shares no code
 * with the projections, so equal results are evidence that both are right.
 */
export type NaiveFold = NaiveSeries | NaiveState

// biome-ignore lint/suspicious/noExplicitAny: a registry of folds, each of events of its own.
type AnyEvent = any

type Common<E extends TradelogEvent> = Readonly<{
  model: string
  /** The version of the projection that it matches. */
  version: number
  /** The event types that count; the caller skips others. */
  events: readonly E['type'][]
}>

/** One row for each event. */
export type NaiveSeries<E extends TradelogEvent = AnyEvent> = Common<E> &
  Readonly<{
    kind: 'series'
    /** The whole key of the event's row, its position included. */
    key: (recorded: RecordedEvent<E>) => readonly KeyPart[]
    row: (recorded: RecordedEvent<E>) => Row
  }>

/** One row for each key, made of all the key's events. */
export type NaiveState<E extends TradelogEvent = AnyEvent> = Common<E> &
  Readonly<{
    kind: 'state'
    keys: (recorded: RecordedEvent<E>) => readonly (readonly KeyPart[])[]
    start: (key: readonly KeyPart[]) => NaiveRow<E>
  }>

/**
 * A row that is being folded. It takes each event of its key once: those of a partition in the
 * order of their offsets, partitions in any order.
 */
export type NaiveRow<E extends TradelogEvent = AnyEvent> = Readonly<{
  add: (recorded: RecordedEvent<E>) => void
  /** The row as it should be stored after the events added so far: at least one. */
  row: () => Row
}>
