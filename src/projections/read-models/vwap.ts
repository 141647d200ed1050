import {
  add,
  type DecimalText,
  formatDecimal,
  fractionDigitsOf,
  multiply,
  parseDecimal,
  subtract,
  zero,
} from '../../domain/decimal.ts'
import { isBefore, type TradePlace } from '../../domain/recorded-event.ts'
import type { UnixMs } from '../../domain/time.ts'
import { vwapOf } from '../../domain/vwap.ts'
import { keysBySymbol, state } from '../projection.ts'

/** How many trades the rolling VWAP covers. */
export const vwapWindowTrades = 50

export type VwapRow = Readonly<{
  symbol: string
  lastPrice: DecimalText
  lastTradeAt: UnixMs
  /** Of all trades, not only those of the window. */
  tradeCount: number
  /** Null if the volume of the window is zero. */
  vwap: DecimalText | null
  /** The last price minus the oldest of the window. */
  change: DecimalText
  /** The latest trades, oldest first. */
  window: readonly WindowTrade[]
}>

/** An object, as some document stores don't take a list inside a list. */
type WindowTrade = Readonly<{
  executedAt: UnixMs
  partition: number
  offset: number
  price: DecimalText
  volume: DecimalText
}>

type Window = { readonly symbol: string; tradeCount: number; readonly window: WindowTrade[] }

/**
 * The VWAP of each symbol's latest trades. `evolve` only sorts trades into the window; `store`
 * computes the figures, once for a batch.
 */
export const vwap = state({
  name: 'vwap',
  version: 2,
  events: ['TradeExecuted'],
  keys: keysBySymbol(Infinity, (symbol) => [[symbol]]),
  initial: ([symbol]): Window => ({ symbol: String(symbol), tradeCount: 0, window: [] }),
  evolve: (state, { event: { executedAt, price, volume }, partition, offset }) => {
    state.tradeCount++
    insert(state.window, { executedAt, partition, offset, price, volume })
    return state
  },
  store: ({ symbol, tradeCount, window }): VwapRow => ({
    symbol,
    tradeCount,
    ...figuresOf(window),
    window: [...window],
  }),
  load: ({ symbol, tradeCount, window }) => ({ symbol, tradeCount, window: [...window] }),
})

/** Inserts a trade in order and drops the oldest of a full window, which may be this trade. */
function insert(window: WindowTrade[], trade: WindowTrade): void {
  const place = placeOf(trade)
  let at = window.length
  while (at > 0 && isBefore(place, placeOf(window[at - 1] ?? trade))) at--
  const isFull = window.length === vwapWindowTrades
  if (isFull && at === 0) return
  if (at === window.length) window.push(trade)
  else window.splice(at, 0, trade)
  if (isFull) window.shift()
}

const placeOf = ({ executedAt, partition, offset }: WindowTrade): TradePlace => [
  executedAt,
  partition,
  offset,
]

function figuresOf(window: readonly WindowTrade[]) {
  let volume = zero
  let notional = zero
  let priceDigits = 0
  for (const trade of window) {
    const price = parseDecimal(trade.price)
    const traded = parseDecimal(trade.volume)
    volume = add(volume, traded)
    notional = add(notional, multiply(price, traded))
    // The scale of most prices shows at once that they have no more digits.
    if (price.scale > priceDigits) {
      priceDigits = Math.max(priceDigits, fractionDigitsOf(trade.price))
    }
  }
  const lastPrice = parseDecimal(window.at(-1)?.price ?? '0')
  return {
    lastPrice: formatDecimal(lastPrice),
    lastTradeAt: window.at(-1)?.executedAt ?? 0,
    vwap: vwapOf(notional, volume, priceDigits),
    change: formatDecimal(subtract(lastPrice, parseDecimal(window[0]?.price ?? '0'))),
  }
}
