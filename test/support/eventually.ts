import { setTimeout as sleep } from 'node:timers/promises'

/** Only a failing test on a busy machine waits so long. */
const waitMsMax = 30_000

/** Waits until the check returns something truthy, and returns it; fails with its last result. */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { timeoutMs = waitMsMax, everyMs = 10 } = {},
): Promise<NonNullable<T>> {
  const end = Date.now() + timeoutMs
  for (;;) {
    let last: unknown
    try {
      const answer = await check()
      if (answer) return answer
      last = answer
    } catch (error) {
      last = error
    }
    if (Date.now() > end) {
      throw new Error(`not so within ${timeoutMs} ms; the last answer was ${String(last)}`, {
        cause: last,
      })
    }
    await sleep(everyMs)
  }
}
