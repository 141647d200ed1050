import type { UnixMs } from '../../domain/time.ts'
import { type CandleRow, candles } from '../../projections/read-models/candles.ts'
import { interruptions } from '../../projections/read-models/interruptions.ts'
import { encodeKey, keysUnder } from '../../read-model-store/key.ts'
import type { StoredRow } from '../../read-model-store/read-model-store.ts'
import { pageOf, parseBefore } from '../http/cursor.ts'
import { type Interval, lengthOf } from '../http/intervals.ts'
import { type Route, symbolRoute } from '../http/route.ts'
import { list, nextCursor, object } from '../http/schema.ts'
import { type CandleRows, candleSchema, shownCandle } from '../read-models/candle.ts'
import {
  completenessOf,
  readEvidence,
  readInterruptions,
  type Span,
} from '../read-models/completeness.ts'
import type { ReadModelReader } from '../read-models/reader.ts'
import { type ReadReports, type Reports, reportsAgeMsMax } from '../read-models/reports.ts'
import { readNewestRows } from '../read-models/symbol-page.ts'

export const candlesRoute = (reader: ReadModelReader, readReports: ReadReports): Route =>
  symbolRoute({
    path: '/api/v1/candles',
    models: [candles, interruptions],
    // `complete` changes with the reports and the time, too.
    keptMsMax: reportsAgeMsMax,
    summary:
      'The candles of a symbol by the time of its trades (UTC), newest first; a late trade ' +
      'revises its candle, and an interval without trades has no candle',
    parameters: ['interval', 'limit', 'before'],
    answer: object({
      data: list(candleSchema),
      pagination: nextCursor,
    }),
    read: async ({ symbol, interval, limit, before, signal }) => {
      const range = rangeOf(symbol, interval, before)
      const reports = await readReports()
      // One row more than the page can need says whether another candle follows.
      const rowsMax = limit * lengthOf(interval).rowsMax + 1
      const rows = await readNewestRows(reader, candles, { symbol, ...range, rowsMax, signal })
      const groups = groupsOf(rows, lengthOf(interval).lengthMs)
      const endOf = ({ start }: CandleRows) => encodeKey([symbol, interval, start])
      const { page, pagination } = pageOf(groups, limit, endOf)
      const { lengthMs } = lengthOf(interval)
      const spans = page.map(({ start }) => ({ start, end: start + lengthMs }))
      const isComplete = await readCompleteness(reader, { symbol, spans, reports, signal })
      return {
        data: page.map((candle, i) => shownCandle(candle, isComplete[i] ?? null)),
        pagination,
      }
    },
  })

/** Of spans in descending order. */
async function readCompleteness(
  reader: ReadModelReader,
  {
    symbol,
    spans,
    reports,
    signal,
  }: { symbol: string; spans: readonly Span[]; reports: Reports; signal: AbortSignal },
): Promise<readonly (boolean | null)[]> {
  if (spans.length === 0) return []
  const evidence = await readInterruptions(reader, signal, (generation) =>
    readEvidence(generation, { symbol, spans, signal }),
  )
  return spans.map((span) => (evidence ? completenessOf(span, evidence, reports) : null))
}

function rangeOf(symbol: string, interval: Interval, before: string | undefined) {
  const { stored, lengthMs } = lengthOf(interval)
  const { from, to } = keysUnder([symbol, stored])
  if (before === undefined) return { from, to }
  const [start = 0] = parseBefore(before, { texts: [symbol, interval], count: 1 })
  // Rounded up, since a candle that started before belongs to the page as a whole.
  return { from, to: encodeKey([symbol, stored, Math.ceil(start / lengthMs) * lengthMs]) }
}

function groupsOf(rows: readonly StoredRow<CandleRow>[], lengthMs: number): CandleRows[] {
  const groups: { start: UnixMs; rows: CandleRow[] }[] = []
  for (const { value: row } of rows) {
    const start = row.start - (row.start % lengthMs)
    const group = groups.at(-1)
    if (group?.start === start) group.rows.push(row)
    else groups.push({ start, rows: [row] })
  }
  return groups
}
