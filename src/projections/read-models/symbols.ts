import { keysBySymbol, state } from '../projection.ts'

/** Every symbol, with its number of trades and the time of the latest. */
export const symbols = state({
  name: 'symbols',
  version: 1,
  events: ['TradeExecuted'],
  keys: keysBySymbol(Infinity, (symbol) => [[symbol]]),
  initial: ([symbol]) => ({ symbol: String(symbol), tradeCount: 0, lastTradeAt: 0 }),
  evolve: ({ symbol, tradeCount, lastTradeAt }, { event }) => ({
    symbol,
    tradeCount: tradeCount + 1,
    lastTradeAt: Math.max(lastTradeAt, event.executedAt),
  }),
})
