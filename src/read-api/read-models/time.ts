const secondMs = 1_000
let lastSecond = Number.NaN
/** The text of `lastSecond`: `2025-11-20T13:33:03.` */
let lastText = ''

/**
 * A stored time as ISO text; null if a row has none. The rows of a page are close in time, so a
 * Date is made only for a new second.
 */
export function isoOf(unixMs: unknown): string | null {
  if (typeof unixMs !== 'number' || !(Math.abs(unixMs) <= 8.64e15)) return null
  const second = Math.floor(unixMs / secondMs)
  if (second !== lastSecond) {
    lastText = new Date(unixMs).toISOString().slice(0, -'000Z'.length)
    lastSecond = second
  }
  return `${lastText}${String(secondMs + (unixMs - second * secondMs)).slice(1)}Z`
}
