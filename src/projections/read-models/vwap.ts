import {
  add,
  divide,
  formatDecimal,
  multiply,
  parseDecimal,
  subtract,
  zero,
} from '../../domain/decimal.ts'
import type { DecimalText, UnixMs } from '../../domain/trade-executed.ts'
import { isBefore, type TradePlace } from '../../domain/trade-order.ts'
import { state } from '../projection.ts'

/** How many trades the rolling VWAP is made of. */
export const vwapWindowTrades = 50

type WindowTrade = readonly [...TradePlace, price: DecimalText, volume: DecimalText]

export type VwapRow = Readonly<{
  symbol: string
  lastPrice: DecimalText
  lastTradeAt: UnixMs
  /** Of all trades, not only those of the window. */
  tradeCount: number
  /** Null where the volume of the window is zero. */
  vwap: DecimalText | null
  /** The last price minus the oldest of the window. */
  change: DecimalText
  /** The latest trades, oldest first. */
  window: readonly StoredTrade[]
}>

/** A list inside a list is beyond some document stores. */
type StoredTrade = Readonly<{
  executedAt: UnixMs
  partition: number
  offset: number
  price: DecimalText
  volume: DecimalText
}>

type Window = Pick<VwapRow, 'symbol' | 'tradeCount'> & Readonly<{ window: readonly WindowTrade[] }>

/**
 * The VWAP of each symbol's latest trades. Trades are only lined up by `evolve`; the figures are
 * computed where a row is stored, once for a batch.
 */
export const vwap = state<Window, 'TradeExecuted'>({
  name: 'vwap',
  version: 1,
  events: ['TradeExecuted'],
  rowsPerEvent: 1,
  keys: ({ event }) => [[event.symbol]],
  initial: ([symbol]) => ({ symbol: String(symbol), tradeCount: 0, window: [] }),
  evolve: ({ symbol, tradeCount, window }, { event, partition, offset }) => ({
    symbol,
    tradeCount: tradeCount + 1,
    window: lineUp(window, [event.executedAt, partition, offset, event.price, event.volume]),
  }),
  store: ({ symbol, tradeCount, window }): VwapRow => ({
    symbol,
    tradeCount,
    ...figuresOf(window),
    window: window.map(([executedAt, partition, offset, price, volume]) => ({
      executedAt,
      partition,
      offset,
      price,
      volume,
    })),
  }),
  load: (stored) => {
    const { symbol, tradeCount, window } = stored as VwapRow
    return {
      symbol,
      tradeCount,
      window: window.map((trade) => [
        trade.executedAt,
        trade.partition,
        trade.offset,
        trade.price,
        trade.volume,
      ]),
    }
  },
})

/** The window with the trade at its place; one older than a full window is left out. */
const lineUp = (window: readonly WindowTrade[], trade: WindowTrade): readonly WindowTrade[] => {
  let at = window.length
  while (at > 0 && isBefore(trade, window[at - 1] ?? trade)) at--
  const isFull = window.length === vwapWindowTrades
  if (isFull && at === 0) return window
  const next = window.slice()
  next.splice(at, 0, trade)
  if (isFull) next.shift()
  return next
}

const figuresOf = (window: readonly WindowTrade[]) => {
  let volume = zero
  let notional = zero
  for (const trade of window) {
    const traded = parseDecimal(trade[4])
    volume = add(volume, traded)
    notional = add(notional, multiply(parseDecimal(trade[3]), traded))
  }
  const mean = divide(notional, volume)
  const lastPrice = parseDecimal(window.at(-1)?.[3] ?? '0')
  return {
    lastPrice: formatDecimal(lastPrice),
    lastTradeAt: window.at(-1)?.[0] ?? 0,
    vwap: mean === null ? null : formatDecimal(mean),
    change: formatDecimal(subtract(lastPrice, parseDecimal(window[0]?.[3] ?? '0'))),
  }
}
