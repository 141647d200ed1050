import type { TradeExecuted } from '../../domain/trade-executed.ts'
import type { NaiveState } from './naive-fold.ts'

export const symbols: NaiveState<TradeExecuted> = {
  kind: 'state',
  model: 'symbols',
  version: 1,
  events: ['TradeExecuted'],
  keys: ({ event }) => [[event.symbol]],
  start: ([symbol]) => {
    let tradeCount = 0
    let lastTradeAt = 0
    return {
      add: ({ event }) => {
        tradeCount++
        if (event.executedAt > lastTradeAt) lastTradeAt = event.executedAt
      },
      row: () => ({ symbol, tradeCount, lastTradeAt }),
    }
  },
}
