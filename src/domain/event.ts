import { isDecimalText } from './decimal.ts'
import type { FeedInterrupted } from './feed-interrupted.ts'
import type { UnixMs } from './time.ts'
import type { TradeExecuted } from './trade-executed.ts'

/** Every fact that the log can hold, in its newest version. */
export type TradelogEvent = TradeExecuted | FeedInterrupted
export type EventType = TradelogEvent['type']

/** A record of the log that this code can't read: it stops a projection, it is never skipped. */
export type UnreadableEvent = Readonly<{ type: 'Unreadable'; reason: string }>

/** The log's order is kept per key: all events of a symbol are in one partition. */
export const eventKey = (event: TradelogEvent): string => event.symbol

export const encodeEvent = (event: TradelogEvent): string => JSON.stringify(event)

/**
 * A parsed record of the log, made the newest version of its event. Old versions get a pure
 * function each here; a type or version without one is unreadable.
 */
export function decodeEvent(value: unknown): TradelogEvent | UnreadableEvent {
  const event = value as TradelogEvent | null
  if (typeof event !== 'object' || event === null) return unreadable('not an object')
  if (!Object.hasOwn(forms, event.type)) return unreadable(`unknown type ${shown(event.type)}`)
  const newest = upcast(event)
  if (newest.version !== versions[newest.type]) {
    return unreadable(`${event.type} of version ${shown(event.version)}`)
  }
  return forms[event.type](newest) ? newest : unreadable(`${event.type} with a malformed field`)
}

const versions: Readonly<{ [E in TradelogEvent as E['type']]: E['version'] }> = {
  TradeExecuted: 1,
  FeedInterrupted: 2,
}

/** Version 1 of an interruption always had an end; its fields are those of version 2. */
function upcast(event: TradelogEvent): TradelogEvent {
  if (event.type !== 'FeedInterrupted' || event.until === null) return event
  const version: number = event.version
  return version === 1 ? { ...event, version: 2 } : event
}

type Form = (fields: Readonly<Record<string, unknown>>) => boolean

/** Form, not plausibility: ingest judged the values before they became facts. */
const forms: Readonly<Record<EventType, Form>> = {
  TradeExecuted: ({ symbol, price, volume, executedAt, conditions, source }) =>
    typeof symbol === 'string' &&
    isDecimalText(price) &&
    isDecimalText(volume) &&
    isTime(executedAt) &&
    Array.isArray(conditions) &&
    conditions.every((condition) => typeof condition === 'string') &&
    typeof source === 'string',
  FeedInterrupted: ({ symbol, from, until, reason, source }) =>
    typeof symbol === 'string' &&
    isTime(from) &&
    (until === null || (isTime(until) && from <= until)) &&
    typeof reason === 'string' &&
    typeof source === 'string',
}

const isTime = (value: unknown): value is UnixMs =>
  Number.isSafeInteger(value) && Number(value) >= 0

const unreadable = (reason: string): UnreadableEvent => ({ type: 'Unreadable', reason })

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'undefined').slice(0, 64)
