import type { RowOf } from '../../projections/projection.ts'
import { trades } from '../../projections/read-models/trades.ts'
import { type Route, symbolRoute } from '../http/route.ts'
import { count, decimal, isoTime, list, nextCursor, object, text } from '../http/schema.ts'
import type { ReadModelReader } from '../read-models/reader.ts'
import { symbolPage } from '../read-models/symbol-page.ts'
import { isoOf } from '../read-models/time.ts'

export const tradesRoute = (reader: ReadModelReader): Route =>
  symbolRoute({
    path: '/api/v1/trades',
    models: [trades],
    summary: 'The trades of a symbol, newest first; following the cursors gives each exactly once',
    parameters: ['limit', 'before'],
    answer: object({
      data: list(
        object({
          timestamp: isoTime('When the trade happened'),
          executed_at: count('The same time, in Unix milliseconds'),
          price: decimal('Price'),
          volume: decimal('Traded quantity'),
          conditions: list(text('Condition code of the feed')),
          source: text('The feed it came from'),
        }),
      ),
      pagination: nextCursor,
    }),
    read: (request) => symbolPage(reader, request, { model: trades, numbers: 3, shown }),
  })

const shown = (row: RowOf<typeof trades>) => ({
  timestamp: isoOf(row.executedAt),
  executed_at: row.executedAt,
  price: row.price,
  volume: row.volume,
  conditions: row.conditions,
  source: row.source,
})
