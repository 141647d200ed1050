import type { UnixMs } from '../../domain/time.ts'
import { keysBySymbol, state } from '../projection.ts'

export type SymbolRow = Readonly<{ symbol: string; tradeCount: number; lastTradeAt: UnixMs }>

/** The symbols there are, each with its number of trades and the time of the latest. */
export const symbols = state<SymbolRow, 'TradeExecuted'>({
  name: 'symbols',
  version: 1,
  events: ['TradeExecuted'],
  rowsPerEvent: 1,
  keys: keysBySymbol(Infinity, (symbol) => [[symbol]]),
  initial: ([symbol]) => ({ symbol: String(symbol), tradeCount: 0, lastTradeAt: 0 }),
  evolve: (row, { event }) => ({
    symbol: row.symbol,
    tradeCount: row.tradeCount + 1,
    lastTradeAt: Math.max(row.lastTradeAt, event.executedAt),
  }),
  store: (row) => row,
  load: (row) => row as SymbolRow,
})
