import type { DecimalText } from '../domain/decimal.ts'

/**
 * Exact decimal numbers for the naive folds: `digits` ÷ 10^`places`. They share no code with the
 * decimals of the domain, because verification has to check those too.
 */
export type Exact = Readonly<{ digits: bigint; places: number }>

export const nothing: Exact = { digits: 0n, places: 0 }

export function exact(text: DecimalText): Exact {
  const [whole = '', fraction = ''] = text.split('.')
  return { digits: BigInt(whole + fraction), places: fraction.length }
}

export function plus(a: Exact, b: Exact): Exact {
  const places = Math.max(a.places, b.places)
  return { digits: digitsAt(a, places) + digitsAt(b, places), places }
}

export const minus = (a: Exact, b: Exact): Exact => plus(a, { ...b, digits: -b.digits })

export const times = (a: Exact, b: Exact): Exact => ({
  digits: a.digits * b.digits,
  places: a.places + b.places,
})

export const isLess = (a: Exact, b: Exact): boolean => minus(a, b).digits < 0n

/** a ÷ b in so many places, half to even; null if b is zero. */
export function ratio(a: Exact, b: Exact, places: number): Exact | null {
  if (b.digits === 0n) return null
  const sign = b.digits < 0n ? -1n : 1n
  const dividend = sign * a.digits * 10n ** BigInt(places + b.places)
  const divisor = sign * b.digits * 10n ** BigInt(a.places)
  const truncated = dividend / divisor
  const floor = truncated * divisor > dividend ? truncated - 1n : truncated
  const twiceRest = 2n * (dividend - floor * divisor)
  const roundsUp = twiceRest > divisor || (twiceRest === divisor && floor % 2n !== 0n)
  return { digits: roundsUp ? floor + 1n : floor, places }
}

/** How many places the number takes without needless zeros. */
export const placesOf = (text: DecimalText): number =>
  (text.split('.')[1] ?? '').replace(/0+$/, '').length

/** Plain notation without needless zeros. */
export function textOf({ digits, places }: Exact): DecimalText {
  const sign = digits < 0n ? '-' : ''
  const padded = String(digits < 0n ? -digits : digits).padStart(places + 1, '0')
  const cut = padded.length - places
  const fraction = padded.slice(cut).replace(/0+$/, '')
  return sign + padded.slice(0, cut) + (fraction === '' ? '' : `.${fraction}`)
}

const digitsAt = ({ digits, places }: Exact, to: number): bigint =>
  to === places ? digits : digits * 10n ** BigInt(to - places)
