import type { UnixMs } from '../../../domain/time.ts'
import type { TradeExecuted } from '../../../domain/trade-executed.ts'
import { isExactNumber } from '../../../runtime/exact-json.ts'
import type { FeedMessage, Refusal } from '../../feed.ts'
import {
  checkTrade,
  isInteger,
  isObject,
  jsonObjectOf,
  judged,
  messageReject,
  otherMessage,
  refusal,
  sampleText,
} from '../../trade-check.ts'

/** Who speaks the protocol: Finnhub, or our own server, which plays a market or a file. */
export type FinnhubSource = 'finnhub' | 'simulated' | 'file'

export type MessageContext = Readonly<{
  /** The clock of ingest. */
  now: UnixMs
  /** The trades' `source`; a file's frames name the file and each trade's row. */
  source: FinnhubSource
}>

type Frame = { type?: unknown; data?: unknown; msg?: unknown; file?: unknown }
type Entry = Partial<Record<'c' | 'p' | 's' | 't' | 'v' | 'row', unknown>>

export function parseMessage(message: Buffer, context: MessageContext): FeedMessage {
  const parsed = jsonObjectOf<Frame>(message)
  if ('rejected' in parsed) return otherMessage(parsed.rejected)
  const frame = parsed.object
  if (frame.type === 'trade') return judged(frame.data, (entry) => tradeOf(entry, frame, context))
  if (frame.type === 'ping') return { kind: 'ping', trades: [], rejected: [] }
  if (frame.type === 'end' && context.source === 'file') {
    return { kind: 'end', trades: [], rejected: [] }
  }
  if (frame.type === 'error') {
    return {
      kind: 'error',
      trades: [],
      rejected: [],
      error: sampleText(frame.msg ?? message.toString()),
    }
  }
  return otherMessage(messageReject('message_of_unknown_type', message))
}

function tradeOf(
  entry: unknown,
  frame: Frame,
  { now, source }: MessageContext,
): TradeExecuted | Refusal {
  if (!isObject<Entry>(entry)) return refusal('trade_not_an_object')
  const row = source === 'file' ? rowSource(frame.file, entry.row) : source
  const reported = {
    symbol: entry.s,
    price: numberOnly(entry.p),
    volume: numberOnly(entry.v),
    executedAt: entry.t,
    conditions: entry.c,
  }
  const trade = checkTrade(reported, { source: row ?? '', now })
  return 'reason' in trade || row !== undefined ? trade : refusal('invalid_row')
}

/** Finnhub writes prices and volumes as numbers: a text would be a form that it never had. */
const numberOnly = (value: unknown): unknown =>
  typeof value === 'number' || isExactNumber(value) ? value : undefined

const fileHash = /^[0-9a-f]{16}$/

const rowSource = (hash: unknown, row: unknown): string | undefined =>
  typeof hash === 'string' && fileHash.test(hash) && isInteger(row) && row > 0
    ? `file:${hash}:${row}`
    : undefined
