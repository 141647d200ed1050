const digitsMax = 8
const tinyDigits = 6

/** Digits after the point that are shown: of tiny numbers, which would be zero in fewer, more. */
function shownDigits(decimal) {
  const [, whole, zeros, rest] = decimal.match(/^-?(\d+)(?:\.(0*)(\d*?)0*)?$/)
  if (!rest) return 0
  const needed = whole === '0' ? zeros.length + tinyDigits : 0
  return Math.min(zeros.length + rest.length, Math.max(digitsMax, needed))
}

/** Digits after the point, at least two, so that the prices of a column line up. */
export const fractionDigits = (decimal) => Math.max(2, shownDigits(decimal))

/**
 * Decimal text for display: rounded or padded to `digits`, with thousands separated. It is never
 * made a number, which would change its digits. What isn't zero isn't shown as zero.
 */
export function formatDecimal(decimal, digits) {
  if (decimal === null) return '–'
  const text = rounded(decimal, digits)
  return isZero(text) && !isZero(decimal) ? rounded(decimal, shownDigits(decimal)) : text
}

const isZero = (text) => !/[1-9]/.test(text)

function rounded(decimal, digits) {
  const [whole, fraction = ''] = decimal.replace('-', '').split('.')
  const units = BigInt(whole + fraction.slice(0, digits).padEnd(digits, '0'))
  const all = String(fraction[digits] >= '5' ? units + 1n : units).padStart(digits + 1, '0')
  const point = all.length - digits
  const text = all.slice(0, point).replace(/\B(?=(\d{3})+$)/g, ',')
  const sign = decimal.startsWith('-') && !isZero(all) ? '-' : ''
  return sign + text + (digits === 0 ? '' : `.${all.slice(point)}`)
}

/** With its sign, so that the meaning isn't in the colour alone. */
export function formatChange(decimal, digits) {
  const text = formatDecimal(decimal, digits)
  const isRise = decimal !== null && !isZero(decimal) && !decimal.startsWith('-')
  return isRise ? `+${text}` : text.replace('-', '−')
}

export const formatVolume = (decimal) =>
  formatDecimal(decimal, shownDigits(decimal))
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '')

export const formatCount = (count) => count.toLocaleString('en', { maximumFractionDigits: 0 })

const thousand = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

/** 12,345 as 12.3K, for narrow columns. */
export const formatCompact = (count) =>
  count < 10_000 ? formatCount(count) : thousand.format(count)

/** The time of day of an ISO text, in UTC. */
export const timeOf = (iso) => iso.slice('2025-11-20T'.length, -1)

export const secondOf = (iso) => timeOf(iso).slice(0, '13:33:03'.length)

/** 2025-11-20 13:33 */
export const minuteOf = (iso) => iso.slice(0, '2025-11-20T13:33'.length).replace('T', ' ')

const units = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
]

/** A duration by its largest unit: 4 s, 12 min, 3 h. */
export function formatDuration(durationMs) {
  const seconds = Math.max(0, durationMs / 1_000)
  const [unit, length] = units.find(([, length]) => seconds >= length) ?? ['s', 1]
  return `${Math.floor(seconds / length)} ${unit}`
}

export const directionOf = (decimal) => ({ '-1': 'down', 1: 'up' })[Math.sign(decimal)] ?? 'flat'
