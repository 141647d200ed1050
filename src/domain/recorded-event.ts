import type { TradelogEvent, UnreadableEvent } from './event.ts'
import type { UnixMs } from './time.ts'
import type { TradeExecuted } from './trade-executed.ts'

/** Where an event is in the log. Offsets rise inside a partition and may skip numbers. */
export type Position = Readonly<{ partition: number; offset: number }>

/** An event as the log holds it. `recordedAt` is the clock of ingest, never used by a fold. */
export type RecordedEvent<E = TradelogEvent> = Position & Readonly<{ recordedAt: UnixMs; event: E }>

export type RecordedTrade = RecordedEvent<TradeExecuted>

/** A record as it lies in the log, whether this code can read it or not. */
export type RawRecord = Position &
  Readonly<{
    recordedAt: UnixMs
    /** The symbol; null if a record of another program has no key. */
    key: string | null
    /** An event as JSON; null if a record of another program has no value. */
    value: string | null
  }>

/**
 * A log of parsed events, or a copy of one, keeps no keys and no text: a record's key is the symbol
 * of its event, and its value is written anew.
 */
export function keyOfEvent(event: unknown): string | null {
  const { symbol } = (event ?? {}) as { symbol?: unknown }
  return typeof symbol === 'string' ? symbol : null
}

/** The event of a record that such a log can keep as it is, else the reason why it can't. */
export function keptEvent({
  key,
  value,
}: Pick<RawRecord, 'key' | 'value'>): { event: unknown } | { fault: string } {
  let event: unknown
  try {
    event = JSON.parse(value ?? '')
  } catch {
    return { fault: 'it is not JSON' }
  }
  if (JSON.stringify(event) !== value) return { fault: 'its JSON would change' }
  return keyOfEvent(event) === key ? { event } : { fault: 'its key is not its symbol' }
}

/** What a log gives back: an event, or why this code can't read it. */
export type LogRecord = RecordedEvent<TradelogEvent | UnreadableEvent>

/**
 * When and where a trade is: executedAt, partition, offset. Trades are ordered by it, so that the
 * many trades of one millisecond have one order, whatever order they arrive in.
 */
export type TradePlace = readonly [executedAt: UnixMs, partition: number, offset: number]

type Placed = readonly [...TradePlace, ...unknown[]]

export function isBefore(a: Placed, b: Placed): boolean {
  if (a[0] !== b[0]) return a[0] < b[0]
  if (a[1] !== b[1]) return a[1] < b[1]
  return a[2] < b[2]
}
