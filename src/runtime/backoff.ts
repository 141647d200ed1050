import type { UnixMs } from '../domain/time.ts'

export type Backoff = Readonly<{
  firstMs: number
  maxMs: number
  /** How long success has to last before failures are forgotten. */
  lastingMs?: number
}>

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

/** Whether to log the n-th failure of a row: the first, then ever more seldom (2, 4, 8, …). */
export const isLogged = (failures: number): boolean => Number.isInteger(Math.log2(failures))

/** Failures in a row: a success that doesn't last doesn't end the row. */
export type Failures = Readonly<{
  /** Counts a failure; answers how many there are in this row (from 1). */
  failed: () => number
  /**
   * Call it at every sign that all is well. Answers how many failures that ends: 0, unless the
   * signs since the last failure span `lastingMs` by now. Silence is no sign.
   */
  works: () => number
  /** When the first failure of this row was; undefined if all is well. */
  since: () => UnixMs | undefined
}>

const usualLastingMs = 30_000

export function countFailures({
  lastingMs = usualLastingMs,
  now = Date.now,
}: Readonly<{ lastingMs?: number; now?: () => UnixMs }> = {}): Failures {
  let count = 0
  let since: UnixMs | undefined
  let worksSince: UnixMs | undefined
  return {
    failed: () => {
      worksSince = undefined
      since ??= now()
      count += 1
      return count
    },
    works: () => {
      if (count === 0) return 0
      worksSince ??= now()
      if (now() - worksSince < lastingMs) return 0
      const ended = count
      count = 0
      since = undefined
      return ended
    },
    since: () => since,
  }
}
