import { setTimeout as sleep } from 'node:timers/promises'

/** A busy machine takes its time; where all is well nobody waits so long. */
const patienceMs = 30_000

/** Waits until the check gives something truthy, and gives that; fails with its last answer or error. */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { timeoutMs = patienceMs, everyMs = 10 } = {},
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
