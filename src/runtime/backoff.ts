export type Backoff = Readonly<{ firstMs: number; maxMs: number }>

const usual: Backoff = { firstMs: 50, maxMs: 10_000 }

/**
 * How long to wait after the n-th failure in a row (from 1): doubles from `firstMs` to `maxMs`.
 * Half of it is random, so that many processes don't retry at the same moment.
 */
export function backoffMs(
  failures: number,
  random: () => number = Math.random,
  { firstMs, maxMs }: Backoff = usual,
): number {
  const wholeMs = Math.min(firstMs * 2 ** Math.min(failures - 1, 20), maxMs)
  return Math.round(wholeMs * (0.5 + random() / 2))
}
