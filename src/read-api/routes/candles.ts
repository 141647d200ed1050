import { add, compare, divide, formatDecimal, parseDecimal, zero } from '../../domain/decimal.ts'
import type { DecimalText, UnixMs } from '../../domain/trade-executed.ts'
import type { CandleRow } from '../../projections/read-models/candles.ts'
import { encodeKey, type Key, keysUnder } from '../../read-model-store/key.ts'
import type { Generation } from '../../read-model-store/read-model-store.ts'
import { encodeCursor, parseBefore } from '../cursor.ts'
import { type Interval, lengthOf } from '../intervals.ts'
import type { ReadModelReader } from '../reader.ts'
import { type Route, symbolRoute } from '../route.ts'
import { count, decimal, isoTime, list, nextCursor, nullable, object } from '../schema.ts'
import { isoOf } from '../time.ts'
import { refuseUnknownSymbol } from './symbols.ts'

export const candlesRoute = (reader: ReadModelReader): Route =>
  symbolRoute({
    path: '/api/v1/candles',
    summary:
      'The candles of a symbol by the time of its trades (UTC), newest first; a late trade ' +
      'revises its candle, and an interval without trades has none',
    parameters: ['interval', 'limit', 'before'],
    answer: object({
      data: list(
        object({
          start: isoTime('Its first millisecond'),
          open: decimal('Price of the first trade'),
          high: decimal('Highest price'),
          low: decimal('Lowest price'),
          close: decimal('Price of the last trade'),
          volume: decimal('Traded quantity'),
          vwap: nullable(decimal('Volume-weighted price; null where the volume is 0')),
          trade_count: count('Trades'),
        }),
      ),
      pagination: nextCursor,
    }),
    read: async ({ symbol, interval, limit, before, signal }) => {
      const range = rangeOf(symbol, interval, before)
      // One row more than the page can be made of shows whether another candle follows.
      const rowsMax = limit * lengthOf(interval).rowsMax + 1
      const rows = await reader('candles', signal, (generation) =>
        newestRows(generation, { ...range, rowsMax, signal }),
      )
      if (rows.length === 0) await refuseUnknownSymbol(reader, symbol, signal)
      const candles = groupsOf(rows, lengthOf(interval).lengthMs)
      const page = candles.slice(0, limit)
      const last = candles.length > limit ? page.at(-1) : undefined
      const cursor = last && encodeCursor(encodeKey([symbol, interval, last.start]))
      return { data: page.map(shown), pagination: { next_cursor: cursor ?? null } }
    },
  })

const rangeOf = (symbol: string, interval: Interval, before: string | undefined) => {
  const { stored, lengthMs } = lengthOf(interval)
  const { from, to } = keysUnder([symbol, stored])
  if (before === undefined) return { from, to }
  const [start = 0] = parseBefore(before, { texts: [symbol, interval], count: 1 })
  // A candle that started before belongs to the page as a whole.
  return { from, to: encodeKey([symbol, stored, Math.ceil(start / lengthMs) * lengthMs]) }
}

const chunkRowsMax = 2_000

/** Newest first, in chunks: a large page must neither hold up others nor outlive its request. */
const newestRows = async (
  generation: Generation,
  options: { from: Key; to: Key; rowsMax: number; signal: AbortSignal },
): Promise<CandleRow[]> => {
  const { from, rowsMax, signal } = options
  const rows: CandleRow[] = []
  for (let to = options.to; ; ) {
    const limit = Math.min(rowsMax - rows.length, chunkRowsMax)
    const chunk = await generation.page({ from, to, limit, reverse: true, signal })
    for (const { value } of chunk) rows.push(value as CandleRow)
    const last = chunk.at(-1)
    if (last === undefined || chunk.length < limit || rows.length === rowsMax) return rows
    to = last.key
  }
}

type Group = Readonly<{ start: UnixMs; rows: readonly CandleRow[] }>

const groupsOf = (rows: readonly CandleRow[], lengthMs: number): Group[] => {
  const groups: { start: UnixMs; rows: CandleRow[] }[] = []
  for (const row of rows) {
    const start = row.start - (row.start % lengthMs)
    const group = groups.at(-1)
    if (group?.start === start) group.rows.push(row)
    else groups.push({ start, rows: [row] })
  }
  return groups
}

const shown = ({ start, rows }: Group) => {
  const volume = rows.reduce((sum, row) => add(sum, parseDecimal(row.volume)), zero)
  const notional = rows.reduce((sum, row) => add(sum, parseDecimal(row.notional)), zero)
  const vwap = divide(notional, volume)
  return {
    start: isoOf(start),
    open: rows.at(-1)?.open,
    high: rows.map((row) => row.high).reduce(higher),
    low: rows.map((row) => row.low).reduce(lower),
    close: rows[0]?.close,
    volume: formatDecimal(volume),
    vwap: vwap === null ? null : formatDecimal(vwap),
    trade_count: rows.reduce((sum, row) => sum + row.tradeCount, 0),
  }
}

const higher = (a: DecimalText, b: DecimalText): DecimalText =>
  compare(parseDecimal(a), parseDecimal(b)) < 0 ? b : a

const lower = (a: DecimalText, b: DecimalText): DecimalText => (higher(a, b) === a ? b : a)
