/** A stored time as people get it; null where a row has none. */
export const isoOf = (unixMs: unknown): string | null => {
  const date = new Date(typeof unixMs === 'number' ? unixMs : Number.NaN)
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}
