import { isUtf8 } from 'node:buffer'
import { decimalFromNumber } from '../domain/decimal.ts'
import { isSymbol } from '../domain/symbol.ts'
import type { UnixMs } from '../domain/time.ts'
import type { TradeExecuted } from '../domain/trade-executed.ts'

export type RejectReason =
  | 'message_too_large'
  | 'message_not_utf8'
  | 'message_not_json'
  | 'message_not_an_object'
  | 'message_of_unknown_type'
  | 'trades_not_a_list'
  | 'trade_not_an_object'
  | 'invalid_symbol'
  | 'invalid_price'
  | 'invalid_volume'
  | 'time_not_an_integer'
  | 'time_before_2000'
  | 'time_in_the_future'
  | 'invalid_conditions'
  | 'conditions_too_long'
  | 'invalid_row'

export type Reject = Readonly<{
  reason: RejectReason
  /** The start of what was rejected, as text. */
  sample: string
}>

export type MessageContext = Readonly<{
  /** The clock of ingest. */
  now: UnixMs
  /** What the trades' `source` shall say; a file's frames name the file and each trade's row. */
  source: 'finnhub' | 'simulated' | 'file'
}>

export type FinnhubMessage = Readonly<{
  kind: 'trade' | 'ping' | 'error' | 'other'
  /** In the order of the message. */
  trades: readonly TradeExecuted[]
  rejected: readonly Reject[]
  /** What the feed says is wrong, where the kind is `error`. */
  error?: string
}>

export const messageBytesMax = 1024 * 1024
const conditionsBytesMax = 1024
/** Half of a surrogate pair: no UTF-8 can write it, so stores would change it. */
const halfPair = /\p{Cs}/u
const sampleCharactersMax = 256
const year2000: UnixMs = Date.UTC(2000, 0, 1)
const clockAheadMsMax = 60_000

type Frame = { type?: unknown; data?: unknown; msg?: unknown; file?: unknown }
type Entry = Partial<Record<'c' | 'p' | 's' | 't' | 'v' | 'row', unknown>>

/** One message of the feed. Never throws: what can't be taken is among the rejects, with its reason. */
export function parseMessage(message: Buffer, context: MessageContext): FinnhubMessage {
  if (message.length > messageBytesMax) return refused('message_too_large', message)
  if (!isUtf8(message)) return refused('message_not_utf8', message)
  const frame = parseJson(message)
  if (frame === undefined) return refused('message_not_json', message)
  if (!isObject<Frame>(frame)) return refused('message_not_an_object', message)
  if (frame.type === 'trade') return tradesOf(frame, context)
  if (frame.type === 'ping') return { kind: 'ping', trades: [], rejected: [] }
  if (frame.type === 'error') return errorOf(frame)
  return refused('message_of_unknown_type', message)
}

function refused(reason: RejectReason, message: Buffer): FinnhubMessage {
  const sample = message.subarray(0, 4 * sampleCharactersMax).toString()
  return { kind: 'other', trades: [], rejected: [{ reason, sample: cut(sample) }] }
}

const errorOf = ({ msg }: Frame): FinnhubMessage => ({
  kind: 'error',
  trades: [],
  rejected: [],
  error: typeof msg === 'string' ? cut(msg) : sampleOf(msg),
})

/** Each trade is judged alone: a bad one takes nothing from its neighbours. */
function tradesOf(frame: Frame, context: MessageContext): FinnhubMessage {
  const trades: TradeExecuted[] = []
  const rejected: Reject[] = []
  if (!Array.isArray(frame.data)) {
    return { kind: 'trade', trades, rejected: [rejectOf('trades_not_a_list', frame.data)] }
  }
  for (const entry of frame.data) {
    const trade = tradeOf(entry, frame, context)
    if (typeof trade === 'string') rejected.push(rejectOf(trade, entry))
    else trades.push(trade)
  }
  return { kind: 'trade', trades, rejected }
}

function tradeOf(
  entry: unknown,
  frame: Frame,
  context: MessageContext,
): TradeExecuted | RejectReason {
  if (!isObject<Entry>(entry)) return 'trade_not_an_object'
  const { s: symbol, p: price, v: volume, t: executedAt } = entry
  if (!isSymbol(symbol)) return 'invalid_symbol'
  if (!isFiniteNumber(price)) return 'invalid_price'
  if (!isFiniteNumber(volume) || volume < 0) return 'invalid_volume'
  if (!isInteger(executedAt)) return 'time_not_an_integer'
  if (executedAt < year2000) return 'time_before_2000'
  if (executedAt > context.now + clockAheadMsMax) return 'time_in_the_future'
  const conditions = conditionsOf(entry.c)
  if (typeof conditions === 'string') return conditions
  const source = context.source === 'file' ? rowSource(frame.file, entry.row) : context.source
  if (source === undefined) return 'invalid_row'
  return {
    type: 'TradeExecuted',
    version: 1,
    symbol,
    price: decimalFromNumber(price),
    volume: decimalFromNumber(volume),
    executedAt,
    conditions,
    source,
  }
}

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

const fileHash = /^[0-9a-f]{16}$/

const rowSource = (hash: unknown, row: unknown): string | undefined =>
  typeof hash === 'string' && fileHash.test(hash) && isInteger(row) && row > 0
    ? `file:${hash}:${row}`
    : undefined

function parseJson(message: Buffer): unknown {
  try {
    return JSON.parse(message.toString())
  } catch {
    return undefined
  }
}

const isObject = <T extends object>(value: unknown): value is T =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isFiniteNumber = (value: unknown): value is number => Number.isFinite(value)
const isInteger = (value: unknown): value is number => Number.isSafeInteger(value)

const rejectOf = (reason: RejectReason, value: unknown): Reject => ({
  reason,
  sample: sampleOf(value),
})

function sampleOf(value: unknown): string {
  try {
    return cut(JSON.stringify(value) ?? 'undefined')
  } catch {
    // What nests too deeply for the stack can be parsed, but not be written again.
    return 'nested too deeply to be shown'
  }
}
const cut = (text: string): string => text.slice(0, sampleCharactersMax)
