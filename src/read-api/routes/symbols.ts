import type { RowOf } from '../../projections/projection.ts'
import { symbols } from '../../projections/read-models/symbols.ts'
import { plainRoute, type Route } from '../http/route.ts'
import { count, isoTime, list, object, text } from '../http/schema.ts'
import type { ReadModelReader } from '../read-models/reader.ts'
import { readAllRows } from '../read-models/symbols.ts'
import { isoOf } from '../read-models/time.ts'

export const symbolsRoute = (reader: ReadModelReader): Route =>
  plainRoute({
    path: '/api/v1/symbols',
    models: [symbols],
    summary: 'Every symbol that has trades, by name',
    answer: object({
      available: list(
        object({
          symbol: text('As the feed names it'),
          trade_count: count('Number of trades recorded'),
          last_trade_at: isoTime('When its latest trade happened'),
        }),
      ),
    }),
    read: async ({ signal }) => ({
      available: (await readAllRows(reader, symbols, signal)).map(shown),
    }),
  })

const shown = (row: RowOf<typeof symbols>) => ({
  symbol: row.symbol,
  trade_count: row.tradeCount,
  last_trade_at: isoOf(row.lastTradeAt),
})
