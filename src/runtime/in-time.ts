import { setTimeout as sleep } from 'node:timers/promises'

/**
 * The result of the work, or undefined if it takes longer than `limitMs`. Aborts the signal of the
 * work when the wait for it ends. Rejects as the work does.
 */
export async function inTime<T>(
  limitMs: number,
  work: (over: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const over = new AbortController()
  const { signal } = over
  try {
    return await Promise.race([work(signal), sleep(limitMs, undefined, { signal })])
  } finally {
    over.abort()
  }
}
