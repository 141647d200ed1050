import { suite as uvuSuite } from 'uvu'

type Body = () => unknown | Promise<unknown>
export type Suite = {
  (name: string, body: Body, options?: { timeoutMs?: number }): void
  /** Counts as skipped, and says why. */
  skip: (name: string, reason: string) => void
  after: (hook: () => Promise<void> | void) => void
  run: () => void
}

const defaultTimeoutMs = 60_000

/** A uvu suite in which every test has a time limit (uvu has none). */
export function suite(title: string): Suite {
  const tests = uvuSuite(title)
  let isEmpty = true
  const define = (name: string, body: Body, { timeoutMs = defaultTimeoutMs } = {}) => {
    isEmpty = false
    tests(name, () => withTimeout(name, timeoutMs, body))
  }
  return Object.assign(define, {
    skip: (name: string, reason: string) => {
      isEmpty = false
      tests.skip(name, () => {})
      process.stdout.write(`skipped: ${title}: ${name} (${reason})\n`)
    },
    after: (hook: () => Promise<void> | void) => void tests.after(async () => hook()),
    run: () => {
      if (isEmpty) throw new Error(`${title} has no test`)
      tests.run()
    },
  })
}

async function withTimeout(name: string, timeoutMs: number, body: Body): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`"${name}" took over ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    await Promise.race([body(), limit])
  } finally {
    clearTimeout(timer)
  }
}
