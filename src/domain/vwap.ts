import { type Decimal, type DecimalText, divide, formatDecimal } from './decimal.ts'

const digitsMin = 8
const digitsBeyondPrices = 6

/**
 * Notional ÷ volume, half-even; null at volume 0. `priceDigits` is the most fractional digits of
 * the prices. All of them can be written in the digits of the VWAP, so rounding never takes it
 * below the lowest price or above the highest.
 */
export function vwapOf(
  notional: Decimal,
  volume: Decimal,
  priceDigits: number,
): DecimalText | null {
  const mean = divide(notional, volume, Math.max(digitsMin, priceDigits + digitsBeyondPrices))
  return mean === null ? null : formatDecimal(mean)
}
