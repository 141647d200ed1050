import { isUtf8 } from 'node:buffer'
import {
  type DecimalText,
  decimalFromJson,
  decimalFromNumber,
  digitsMax,
  isDecimalText,
} from '../domain/decimal.ts'
import { isSymbol } from '../domain/symbol.ts'
import type { UnixMs } from '../domain/time.ts'
import type { TradeExecuted } from '../domain/trade-executed.ts'
import { exactJsonOf, isExactNumber, parseExactJson } from '../runtime/exact-json.ts'
import type { FeedMessage, Refusal, Reject, RejectReason } from './feed.ts'

/**
 * A trade as a message has it, unchecked; price and volume are numbers, as `jsonObjectOf` gives
 * them, or decimal text.
 */
type ReportedTrade = Readonly<
  Record<'symbol' | 'price' | 'volume' | 'executedAt' | 'conditions', unknown>
>

const messageBytesMax = 1024 * 1024
const conditionsBytesMax = 1024
/** Half of a surrogate pair: no UTF-8 can write it, so stores would change it. */
const halfPair = /\p{Cs}/u
const sampleCharactersMax = 256
const year2000: UnixMs = Date.UTC(2000, 0, 1)
const clockAheadMsMax = 60_000

/** A message that has to be a JSON object. Its numbers keep all their digits: `parseExactJson`. */
export function jsonObjectOf<T extends object>(
  message: Buffer,
): Readonly<{ object: T } | { rejected: Reject }> {
  const refuse = (reason: RejectReason) => ({ rejected: messageReject(reason, message) })
  if (message.length > messageBytesMax) return refuse('message_too_large')
  if (!isUtf8(message)) return refuse('message_not_utf8')
  const value = parse(message.toString())
  if (value instanceof Error) return refuse(reasonOf(value))
  return isObject<T>(value) ? { object: value } : refuse('message_not_an_object')
}

/** What every trade has to be, whatever feed it comes from; `now` is the clock of ingest. */
export function checkTrade(
  { symbol, price, volume, executedAt, conditions }: ReportedTrade,
  { source, now }: Readonly<{ source: string; now: UnixMs }>,
): TradeExecuted | Refusal {
  const refuse = (reason: RejectReason): Refusal => ({
    reason,
    symbol: isSymbol(symbol) ? symbol : null,
    executedAt: isInteger(executedAt) && executedAt >= 0 ? executedAt : null,
  })
  if (!isSymbol(symbol)) return refuse('invalid_symbol')
  const priceText = decimalOf(price)
  if (priceText === undefined) return refuse(isNumeric(price) ? 'price_too_long' : 'invalid_price')
  const volumeText = decimalOf(volume)
  if (volumeText === undefined)
    return refuse(isNumeric(volume) ? 'volume_too_long' : 'invalid_volume')
  if (volumeText.startsWith('-')) return refuse('invalid_volume')
  if (!isInteger(executedAt)) return refuse('time_not_an_integer')
  if (executedAt < year2000) return refuse('time_before_2000')
  if (executedAt > now + clockAheadMsMax) return refuse('time_in_the_future')
  const codes = conditionsOf(conditions)
  if (typeof codes === 'string') return refuse(codes)
  return {
    type: 'TradeExecuted',
    version: 1,
    symbol,
    price: priceText,
    volume: volumeText,
    executedAt,
    conditions: codes,
    source,
  }
}

/** A list of trades, each judged alone: a bad one takes nothing from its neighbours. */
export function judged(
  entries: unknown,
  tradeOf: (entry: unknown) => TradeExecuted | Refusal,
): FeedMessage {
  if (!Array.isArray(entries)) {
    const reject = { ...refusal('trades_not_a_list'), text: textOf(entries) }
    return { kind: 'trade', trades: [], rejected: [reject] }
  }
  const trades: TradeExecuted[] = []
  const rejected: Reject[] = []
  for (const entry of entries) {
    const trade = tradeOf(entry)
    if ('reason' in trade) rejected.push({ ...trade, text: textOf(entry) })
    else trades.push(trade)
  }
  return { kind: 'trade', trades, rejected }
}

/** A message that says nothing of trades: it is rejected as a whole. */
export const otherMessage = (reject: Reject): FeedMessage => ({
  kind: 'other',
  trades: [],
  rejected: [reject],
})

export const messageReject = (reason: RejectReason, message: Buffer): Reject => ({
  ...refusal(reason),
  text: message.toString(),
})

/** Of an entry, or a message, of which neither symbol nor time is known. */
export const refusal = (reason: RejectReason): Refusal => ({
  reason,
  symbol: null,
  executedAt: null,
})

/** The start of a value as text: a text as it is, anything else as JSON. */
export const sampleText = (value: unknown): string =>
  cut(typeof value === 'string' ? value : textOf(value))

export const isObject = <T extends object>(value: unknown): value is T =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isExactNumber(value)

export const isInteger = (value: unknown): value is number => Number.isSafeInteger(value)

/** Undefined for what is no number, and for one of more than `digitsMax` digits. */
function decimalOf(value: unknown): DecimalText | undefined {
  if (typeof value === 'number')
    return Number.isFinite(value) ? decimalFromNumber(value) : undefined
  if (isExactNumber(value)) return decimalFromJson(value.value)
  return isDecimalText(value) && !isTooLong(value) ? value : undefined
}

const isTooLong = (text: DecimalText): boolean =>
  text.length > digitsMax && text.replaceAll(/[-.]/g, '').length > digitsMax

const isNumeric = (value: unknown): boolean =>
  Number.isFinite(value) || isExactNumber(value) || isDecimalText(value)

function conditionsOf(codes: unknown): readonly string[] | RejectReason {
  if (codes === null || codes === undefined) return []
  if (!Array.isArray(codes)) return 'invalid_conditions'
  let bytes = 0
  for (const code of codes) {
    if (typeof code !== 'string' || halfPair.test(code)) return 'invalid_conditions'
    bytes += Buffer.byteLength(code) + 1
  }
  return bytes > conditionsBytesMax ? 'conditions_too_long' : codes
}

function parse(text: string): unknown {
  try {
    return parseExactJson(text)
  } catch (error) {
    return error
  }
}

/** A `RangeError` is that of the stack. */
const reasonOf = (error: Error): RejectReason =>
  error instanceof RangeError ? 'message_nested_too_deeply' : 'message_not_json'

function textOf(value: unknown): string {
  try {
    return exactJsonOf(value) ?? 'undefined'
  } catch {
    // What nests too deeply for the stack can be parsed, but not be written again.
    return 'nested too deeply to be shown'
  }
}

const cut = (text: string): string => text.slice(0, sampleCharactersMax)
