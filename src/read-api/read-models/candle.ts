import {
  add,
  compare,
  type DecimalText,
  formatDecimal,
  fractionDigitsOf,
  parseDecimal,
  zero,
} from '../../domain/decimal.ts'
import type { UnixMs } from '../../domain/time.ts'
import { vwapOf } from '../../domain/vwap.ts'
import type { CandleRow } from '../../projections/read-models/candles.ts'
import { boolean, count, decimal, isoTime, nullable, object } from '../http/schema.ts'
import { isoOf } from './time.ts'

export const candleFields = {
  start: isoTime('First millisecond of the candle'),
  open: decimal('Price of the first trade'),
  high: decimal('Highest price'),
  low: decimal('Lowest price'),
  close: decimal('Price of the last trade'),
  volume: decimal('Traded quantity'),
  vwap: nullable(decimal('Volume-weighted price, from low to high; null if the volume is 0')),
  trade_count: count('Number of trades'),
  complete: nullable(
    boolean(
      'True if every trade of the candle until now is in it, as far as the feed sent it; false if ' +
        'trades may be missing; null if nothing is known of that time',
    ),
  ),
}

export const candleSchema = object(candleFields)

/** The stored candles that make up one candle, newest first; at least one. */
export type CandleRows = Readonly<{ start: UnixMs; rows: readonly CandleRow[] }>

export function shownCandle({ start, rows }: CandleRows, complete: boolean | null) {
  const volume = rows.reduce((sum, row) => add(sum, parseDecimal(row.volume)), zero)
  const notional = rows.reduce((sum, row) => add(sum, parseDecimal(row.notional)), zero)
  return {
    start: isoOf(start),
    open: rows.at(-1)?.open,
    high: rows.map((row) => row.high).reduce(higher),
    low: rows.map((row) => row.low).reduce(lower),
    close: rows[0]?.close,
    volume: formatDecimal(volume),
    vwap: vwapOf(notional, volume, Math.max(...rows.map(priceDigitsOf))),
    trade_count: rows.reduce((sum, row) => sum + row.tradeCount, 0),
    complete,
  }
}

/** Rows of version 1 have no `priceDigits`. */
const priceDigitsOf = ({ priceDigits, open, high, low, close }: CandleRow): number =>
  priceDigits ?? Math.max(...[open, high, low, close].map(fractionDigitsOf))

const higher = (a: DecimalText, b: DecimalText): DecimalText =>
  compare(parseDecimal(a), parseDecimal(b)) < 0 ? b : a

const lower = (a: DecimalText, b: DecimalText): DecimalText => (higher(a, b) === a ? b : a)
