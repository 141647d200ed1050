import { encodeKey } from '../../read-model-store/key.ts'
import type { Row } from '../../read-model-store/read-model-store.ts'
import { plainRoute, type Route, symbolRoute } from '../http/route.ts'
import { count, decimal, isoTime, list, nullable, object, text } from '../http/schema.ts'
import type { ReadModelReader } from '../read-models/reader.ts'
import { isoOf } from '../read-models/time.ts'
import { allRows, symbolNotFound } from './symbols.ts'

export const vwapSchema = object({
  symbol: text('As the feed names it'),
  price: decimal('Price of the latest trade'),
  time: isoTime('When the latest trade happened'),
  vwap: nullable(
    decimal('Volume-weighted price of the 50 latest trades; null where their volume is 0'),
  ),
  change: nullable(decimal('Latest price less the oldest of the 50')),
  trade_count: count('Trades recorded'),
})

export const vwapRoute = (reader: ReadModelReader): Route =>
  symbolRoute({
    path: '/api/v1/vwap',
    models: ['vwap'],
    summary: 'The rolling VWAP of the 50 latest trades of a symbol',
    parameters: [],
    answer: vwapSchema,
    read: async ({ symbol, signal }) => {
      const [row] = await reader('vwap', signal, (generation) =>
        generation.read([encodeKey([symbol])], signal),
      )
      if (row === undefined) throw symbolNotFound(symbol)
      return shownVwap(row.value)
    },
  })

export const everyVwapRoute = (reader: ReadModelReader): Route =>
  plainRoute({
    path: '/api/v1/vwap',
    models: ['vwap'],
    summary: 'The rolling VWAP of every symbol, in the order of their names',
    answer: object({ data: list(vwapSchema) }),
    read: async ({ signal }) => ({ data: (await allRows(reader, 'vwap', signal)).map(shownVwap) }),
  })

export const shownVwap = (row: Row) => ({
  symbol: row.symbol,
  price: row.lastPrice,
  time: isoOf(row.lastTradeAt),
  vwap: row.vwap ?? null,
  change: row.change ?? null,
  trade_count: row.tradeCount,
})
