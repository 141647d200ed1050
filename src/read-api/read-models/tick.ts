import type { VwapRow } from '../../projections/read-models/vwap.ts'
import { count, decimal, isoTime, nullable, object, text } from '../http/schema.ts'
import { isoOf } from './time.ts'

export const tickSchema = object({
  symbol: text('As the feed names it'),
  price: decimal('Price of the latest trade'),
  time: isoTime('When the latest trade happened'),
  vwap: nullable(
    decimal('Volume-weighted price of the 50 latest trades; null if their volume is 0'),
  ),
  change: nullable(decimal('Price of the latest trade minus that of the oldest of the 50')),
  trade_count: count('Number of trades recorded'),
})

export const shownTick = (row: VwapRow) => ({
  symbol: row.symbol,
  price: row.lastPrice,
  time: isoOf(row.lastTradeAt),
  vwap: row.vwap ?? null,
  change: row.change ?? null,
  trade_count: row.tradeCount,
})
