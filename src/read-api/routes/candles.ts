import type { UnixMs } from '../../domain/time.ts'
import type { CandleRow } from '../../projections/read-models/candles.ts'
import { encodeKey, type Key, keysUnder } from '../../read-model-store/key.ts'
import type { Generation } from '../../read-model-store/read-model-store.ts'
import { encodeCursor, parseBefore } from '../http/cursor.ts'
import { type Interval, lengthOf } from '../http/intervals.ts'
import { type Route, symbolRoute } from '../http/route.ts'
import { list, nextCursor, object } from '../http/schema.ts'
import { type CandleRows, candleSchema, shownCandle } from '../read-models/candle.ts'
import { interruptedSpans } from '../read-models/completeness.ts'
import type { ReadModelReader } from '../read-models/reader.ts'
import { refuseUnknownSymbol } from './symbols.ts'

export const candlesRoute = (reader: ReadModelReader): Route =>
  symbolRoute({
    path: '/api/v1/candles',
    models: ['candles', 'interruptions'],
    summary:
      'The candles of a symbol by the time of its trades (UTC), newest first; a late trade ' +
      'revises its candle, and an interval without trades has none',
    parameters: ['interval', 'limit', 'before'],
    answer: object({
      data: list(candleSchema),
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
      const isComplete = await completenessOf(reader, { symbol, interval, page, signal })
      const data = page.map((candle) => shownCandle(candle, isComplete(candle)))
      return { data, pagination: { next_cursor: cursor ?? null } }
    },
  })

async function completenessOf(
  reader: ReadModelReader,
  options: {
    symbol: string
    interval: Interval
    page: readonly CandleRows[]
    signal: AbortSignal
  },
) {
  const { symbol, interval, page, signal } = options
  const { lengthMs } = lengthOf(interval)
  const spans = page.map(({ start }) => ({ start, end: start + lengthMs })).reverse()
  const interrupted = await interruptedSpans(reader, { symbol, spans, signal })
  return ({ start }: CandleRows) => (interrupted === undefined ? null : !interrupted.has(start))
}

function rangeOf(symbol: string, interval: Interval, before: string | undefined) {
  const { stored, lengthMs } = lengthOf(interval)
  const { from, to } = keysUnder([symbol, stored])
  if (before === undefined) return { from, to }
  const [start = 0] = parseBefore(before, { texts: [symbol, interval], count: 1 })
  // A candle that started before belongs to the page as a whole.
  return { from, to: encodeKey([symbol, stored, Math.ceil(start / lengthMs) * lengthMs]) }
}

const chunkRowsMax = 2_000

/** Newest first, in chunks: a large page must neither hold up others nor outlive its request. */
async function newestRows(
  generation: Generation,
  options: { from: Key; to: Key; rowsMax: number; signal: AbortSignal },
): Promise<CandleRow[]> {
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

function groupsOf(rows: readonly CandleRow[], lengthMs: number): CandleRows[] {
  const groups: { start: UnixMs; rows: CandleRow[] }[] = []
  for (const row of rows) {
    const start = row.start - (row.start % lengthMs)
    const group = groups.at(-1)
    if (group?.start === start) group.rows.push(row)
    else groups.push({ start, rows: [row] })
  }
  return groups
}
