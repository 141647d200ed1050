import { join } from 'node:path'
import { run } from 'uvu/run'

/**
 * Runs test files in this process, for `run.ts`. A process that doesn't end after the last test has
 * left something open, which is a failure.
 */
const endsWithinMs = 10_000

// By an exit of its own, a process ends those that it has started, and removes its directories.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

await run(process.argv.slice(2).map((name) => ({ name, file: join(import.meta.dirname, name) })))

setTimeout(() => {
  const open = process.getActiveResourcesInfo().join(', ')
  process.stderr.write(`the tests have left something open: ${open}\n`)
  process.exit(1)
}, endsWithinMs).unref()
