import { series } from '../projection.ts'

/**
 * Every trade, by symbol and time. Row: symbol, executedAt (Unix ms), price and volume (decimal
 * text), conditions, source.
 */
export const trades = series({
  name: 'trades',
  version: 1,
  events: ['TradeExecuted'],
  key: ({ event }) => [event.symbol, event.executedAt],
  row: ({ event }) => ({
    symbol: event.symbol,
    executedAt: event.executedAt,
    price: event.price,
    volume: event.volume,
    conditions: event.conditions,
    source: event.source,
  }),
})
