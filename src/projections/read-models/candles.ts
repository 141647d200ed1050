import {
  add,
  compare,
  type Decimal,
  type DecimalText,
  formatDecimal,
  fractionDigitsOf,
  multiply,
  parseDecimal,
  zero,
} from '../../domain/decimal.ts'
import { isBefore, type RecordedTrade, type TradePlace } from '../../domain/recorded-event.ts'
import type { UnixMs } from '../../domain/time.ts'
import { keysBySymbol, rememberingLatest, state } from '../projection.ts'

/** The stored intervals. Longer candles are computed from these, exactly. */
export const candleIntervalsMs = { '1m': 60_000, '1h': 3_600_000, '1d': 86_400_000 } as const

type CandleInterval = keyof typeof candleIntervalsMs

export type CandleRow = Readonly<{
  symbol: string
  interval: CandleInterval
  /** The first millisecond of the interval, in UTC. */
  start: UnixMs
  open: DecimalText
  high: DecimalText
  low: DecimalText
  close: DecimalText
  volume: DecimalText
  /** The sum of price × volume: divided by the volume it is the VWAP. */
  notional: DecimalText
  /** The most fractional digits that one of its prices has: they decide those of the VWAP. */
  priceDigits: number
  tradeCount: number
  /** Time and position of the trades that set `open` and `close`. */
  opened: TradePlace
  closed: TradePlace
}>

const figures = ['open', 'high', 'low', 'close', 'volume', 'notional'] as const

type Candle = Omit<CandleRow, (typeof figures)[number] | Changing> &
  Pick<Mutable<CandleRow>, Changing> &
  Record<(typeof figures)[number], Decimal>

type Changing = 'priceDigits' | 'tradeCount' | 'opened' | 'closed'
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Candles by the time of the trade, not of its arrival: a late trade revises its candle. */
export const candles = state({
  name: 'candles',
  version: 2,
  events: ['TradeExecuted'],
  rowsPerEvent: 3,
  keys: keysBySymbol(candleIntervalsMs['1m'], (symbol, minute) => [
    [symbol, '1m', minute],
    [symbol, '1h', startOf('1h', minute)],
    [symbol, '1d', startOf('1d', minute)],
  ]),
  initial: ([symbol, interval, start]): Candle => ({
    symbol: String(symbol),
    interval: interval as CandleInterval,
    start: Number(start),
    open: zero,
    high: zero,
    low: zero,
    close: zero,
    volume: zero,
    notional: zero,
    priceDigits: 0,
    tradeCount: 0,
    opened: nowhere,
    closed: nowhere,
  }),
  evolve: (candle, recorded) => extend(candle, tradeOf(recorded)),
  store: (candle): CandleRow => ({
    ...candle,
    open: formatDecimal(candle.open),
    high: formatDecimal(candle.high),
    low: formatDecimal(candle.low),
    close: formatDecimal(candle.close),
    volume: formatDecimal(candle.volume),
    notional: formatDecimal(candle.notional),
  }),
  load: (row) => ({
    ...row,
    open: parseDecimal(row.open),
    high: parseDecimal(row.high),
    low: parseDecimal(row.low),
    close: parseDecimal(row.close),
    volume: parseDecimal(row.volume),
    notional: parseDecimal(row.notional),
  }),
})

const nowhere: TradePlace = [0, 0, 0]

const startOf = (interval: CandleInterval, executedAt: UnixMs): UnixMs =>
  executedAt - (executedAt % candleIntervalsMs[interval])

type Trade = Readonly<{
  place: TradePlace
  price: Decimal
  priceDigits: number
  volume: Decimal
  notional: Decimal
}>

/** Parses a trade once for its three candles. */
const tradeOf = rememberingLatest(({ event, partition, offset }: RecordedTrade): Trade => {
  const price = parseDecimal(event.price)
  const volume = parseDecimal(event.volume)
  const place = [event.executedAt, partition, offset] as const
  const priceDigits = fractionDigitsOf(event.price)
  return { place, price, priceDigits, volume, notional: multiply(price, volume) }
})

function extend(candle: Candle, trade: Trade): Candle {
  const { place, price, priceDigits, volume, notional } = trade
  const isFirst = candle.tradeCount === 0
  if (isFirst || isBefore(place, candle.opened)) {
    candle.open = price
    candle.opened = place
  }
  if (isFirst || isBefore(candle.closed, place)) {
    candle.close = price
    candle.closed = place
  }
  if (isFirst || compare(price, candle.high) > 0) candle.high = price
  if (isFirst || compare(price, candle.low) < 0) candle.low = price
  if (priceDigits > candle.priceDigits) candle.priceDigits = priceDigits
  candle.volume = add(candle.volume, volume)
  candle.notional = add(candle.notional, notional)
  candle.tradeCount++
  return candle
}
