import { isDecimalText } from './decimal.ts'
import type { TradeExecuted } from './trade-executed.ts'

/** Every fact that the log can hold, in its newest version. */
export type TradelogEvent = TradeExecuted
export type EventType = TradelogEvent['type']

/** A record of the log that this code can't read: it stops a projection, it is never passed over. */
export type UnreadableEvent = Readonly<{ type: 'Unreadable'; reason: string }>

/** The log's order is kept per key: all trades of a symbol are in one partition. */
export const eventKey = (event: TradelogEvent): string => event.symbol

export const encodeEvent = (event: TradelogEvent): string => JSON.stringify(event)

/**
 * A parsed record of the log, made the newest version of its event. Old versions get a pure
 * function each here; a type or version that has none is unreadable.
 */
export const decodeEvent = (value: unknown): TradelogEvent | UnreadableEvent => {
  const event = value as TradeExecuted | null
  if (typeof event !== 'object' || event === null) return unreadable('not an object')
  if (event.type !== 'TradeExecuted') return unreadable(`unknown type ${shown(event.type)}`)
  if (event.version !== 1) return unreadable(`TradeExecuted of version ${shown(event.version)}`)
  return isTradeExecuted(event) ? event : unreadable('TradeExecuted with a malformed field')
}

/** Checks form, not plausibility: ingest judged the values before they became facts. */
const isTradeExecuted = (event: TradeExecuted): boolean =>
  typeof event.symbol === 'string' &&
  isDecimalText(event.price) &&
  isDecimalText(event.volume) &&
  Number.isSafeInteger(event.executedAt) &&
  event.executedAt >= 0 &&
  Array.isArray(event.conditions) &&
  event.conditions.every((condition) => typeof condition === 'string') &&
  typeof event.source === 'string'

const unreadable = (reason: string): UnreadableEvent => ({ type: 'Unreadable', reason })

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'undefined').slice(0, 64)
