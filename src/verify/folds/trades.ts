import type { TradeExecuted } from '../../domain/trade-executed.ts'
import type { NaiveSeries } from './naive-fold.ts'

export const trades: NaiveSeries<TradeExecuted> = {
  kind: 'series',
  model: 'trades',
  version: 1,
  events: ['TradeExecuted'],
  key: ({ event, partition, offset }) => [event.symbol, event.executedAt, partition, offset],
  row: ({ event: { symbol, executedAt, price, volume, conditions, source } }) => ({
    symbol,
    executedAt,
    price,
    volume,
    conditions,
    source,
  }),
}
