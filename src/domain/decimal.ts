/** A decimal number in plain notation, such as `-0.5`: no exponent, no plus sign. */
export type DecimalText = string

/**
 * An exact decimal number: `units` ÷ 10^`scale`. Units are a JavaScript number while it is a safe
 * integer and a BigInt beyond, so common sums cost nanoseconds and rare ones stay exact.
 */
export type Decimal = Readonly<{ units: number | bigint; scale: number }>

export const zero: Decimal = { units: 0, scale: 0 }

const pattern = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/

/** Plain notation; trailing zeros after the point are tolerated, since a log is kept for ever. */
export const isDecimalText = (text: unknown): text is DecimalText =>
  typeof text === 'string' && pattern.test(text)

/** The text must be plain notation, as `isDecimalText` says. */
export function parseDecimal(text: DecimalText): Decimal {
  const point = text.indexOf('.')
  if (point < 0) return { units: unitsOf(text), scale: 0 }
  const digits = text.slice(0, point) + text.slice(point + 1)
  return { units: unitsOf(digits), scale: text.length - point - 1 }
}

/** Canonical: no trailing zeros after the point, no trailing point, zero without a sign. */
export function formatDecimal({ units, scale }: Decimal): DecimalText {
  if (scale === 0) return units.toString()
  const negative = units < 0
  const digits = (negative ? -units : units).toString().padStart(scale + 1, '0')
  const whole = digits.slice(0, -scale)
  let end = digits.length
  while (end > whole.length && digits.charCodeAt(end - 1) === 48) end--
  const text = end === whole.length ? whole : `${whole}.${digits.slice(whole.length, end)}`
  return negative && text !== '0' ? `-${text}` : text
}

/** Numbers of more digits, the zeros before and after the point included, are not taken. */
export const digitsMax = 100

const jsonNumber = /^-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([-+]?[0-9]+))?$/

/**
 * The value of a number as JSON writes it, exactly, as `formatDecimal` would give it; undefined if
 * that takes more than `digitsMax` digits, or if the text is no such number. An exponent of any
 * size costs nothing.
 */
export function decimalFromJson(text: string): DecimalText | undefined {
  const parts = jsonNumber.exec(text)
  if (parts === null) return undefined
  const [, whole = '', fraction = '', exponent = '0'] = parts
  const digits = whole + fraction
  let start = 0
  while (digits.charCodeAt(start) === 48) start++
  if (start === digits.length) return '0'
  let end = digits.length
  while (digits.charCodeAt(end - 1) === 48) end--
  const point = whole.length + Number(exponent)
  const scale = Math.max(end - point, 0)
  if (Math.max(point - start, 1) + scale > digitsMax) return undefined
  const sign = text.startsWith('-') ? '-' : ''
  const before = point > start ? digits.slice(start, Math.min(point, end)) : '0'
  if (scale === 0) return sign + before.padEnd(point - start, '0')
  return `${sign}${before}.${digits.slice(Math.max(point, start), end).padStart(scale, '0')}`
}

/** The shortest decimal that means this finite double; undefined as for `decimalFromJson`. */
export function decimalFromNumber(value: number): DecimalText | undefined {
  const text = String(value)
  return text.includes('e') ? decimalFromJson(text) : text
}

/** How many fractional digits the value has: trailing zeros don't count. */
export function fractionDigitsOf(text: DecimalText): number {
  const point = text.indexOf('.')
  if (point < 0) return 0
  let end = text.length
  while (text.charCodeAt(end - 1) === 48) end--
  return end - point - 1
}

export function add(a: Decimal, b: Decimal): Decimal {
  if (a.scale !== b.scale) return addAligned(a, b)
  return { units: sum(a.units, b.units), scale: a.scale }
}

export const negate = ({ units, scale }: Decimal): Decimal => ({ units: -units, scale })

export const subtract = (a: Decimal, b: Decimal): Decimal => add(a, negate(b))

export const multiply = (a: Decimal, b: Decimal): Decimal => ({
  units: product(a.units, b.units),
  scale: a.scale + b.scale,
})

export function compare(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale)
  const left = rescale(a, scale)
  const right = rescale(b, scale)
  return left < right ? -1 : left > right ? 1 : 0
}

/** a ÷ b to so many fractional digits, half-even; null if b is zero. */
export function divide(a: Decimal, b: Decimal, scale: number): Decimal | null {
  if (Number(b.units) === 0) return null
  const shift = scale + b.scale - a.scale
  const numerator = BigInt(a.units) * 10n ** BigInt(Math.max(shift, 0))
  const denominator = BigInt(b.units) * 10n ** BigInt(Math.max(-shift, 0))
  return { units: shrink(divideHalfEven(numerator, denominator)), scale }
}

function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator
  const twice = absolute(numerator % denominator) * 2n
  const limit = absolute(denominator)
  if (twice < limit || (twice === limit && quotient % 2n === 0n)) return quotient
  return numerator < 0n === denominator < 0n ? quotient + 1n : quotient - 1n
}

const absolute = (value: bigint): bigint => (value < 0n ? -value : value)

function addAligned(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale)
  return { units: sum(rescale(a, scale), rescale(b, scale)), scale }
}

function rescale({ units, scale }: Decimal, to: number): number | bigint {
  if (scale === to) return units
  const power = to - scale
  return power <= 15 ? product(units, 10 ** power) : shrink(BigInt(units) * 10n ** BigInt(power))
}

function sum(a: number | bigint, b: number | bigint): number | bigint {
  if (typeof a === 'number' && typeof b === 'number') {
    const total = a + b
    if (Number.isSafeInteger(total)) return total
  }
  return shrink(BigInt(a) + BigInt(b))
}

function product(a: number | bigint, b: number | bigint): number | bigint {
  if (typeof a === 'number' && typeof b === 'number') {
    const total = a * b
    if (Number.isSafeInteger(total)) return total
  }
  return shrink(BigInt(a) * BigInt(b))
}

function unitsOf(digits: string): number | bigint {
  const units = Number(digits)
  return Number.isSafeInteger(units) ? units : BigInt(digits)
}

/** Back to a number if it fits, so that one large sum doesn't slow down those that follow. */
function shrink(units: bigint): number | bigint {
  const number = Number(units)
  return Number.isSafeInteger(number) ? number : units
}
