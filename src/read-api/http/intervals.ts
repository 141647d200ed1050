const minuteMs = 60_000
const hourMs = 60 * minuteMs

/** The candle lengths served; each candle is made of up to `rowsMax` stored ones of `stored`. */
const lengths = {
  '1m': { stored: '1m', lengthMs: minuteMs, rowsMax: 1 },
  '5m': { stored: '1m', lengthMs: 5 * minuteMs, rowsMax: 5 },
  '15m': { stored: '1m', lengthMs: 15 * minuteMs, rowsMax: 15 },
  '1h': { stored: '1h', lengthMs: hourMs, rowsMax: 1 },
  '4h': { stored: '1h', lengthMs: 4 * hourMs, rowsMax: 4 },
  '1d': { stored: '1d', lengthMs: 24 * hourMs, rowsMax: 1 },
} as const

export type Interval = keyof typeof lengths

export const intervals = Object.keys(lengths) as readonly Interval[]

export const lengthOf = (interval: Interval): (typeof lengths)[Interval] => lengths[interval]
