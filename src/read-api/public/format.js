const digitsMax = 8

/** Digits after the point, at least two, so that the prices of a column line up. */
export const fractionDigits = (decimal) =>
  Math.min(digitsMax, Math.max(2, (decimal.split('.')[1] ?? '').length))

/** Decimal text for display: rounded or padded to `digits`, with thousands separated. */
export const formatDecimal = (decimal, digits) =>
  decimal === null
    ? '–'
    : Number(decimal).toLocaleString('en', {
        minimumFractionDigits: digits,
        maximumFractionDigits: digits,
      })

/** With its sign, so that the meaning isn't in the colour alone. */
export function formatChange(decimal, digits) {
  const text = formatDecimal(decimal, digits)
  return Number(decimal) > 0 ? `+${text}` : text.replace('-', '−')
}

export const formatVolume = (decimal) =>
  Number(decimal).toLocaleString('en', { maximumFractionDigits: digitsMax })

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
