import { parse } from 'uvu/parse'
import { run } from 'uvu/run'

/**
 * Runs every test file in one process: `node dist/test/run.js [part of a path …]`.
 * A process that doesn't end after the last test has left something open, which is a failure.
 */
const endsWithinMs = 10_000

const wanted = process.argv.slice(2)
const { suites } = await parse(import.meta.dirname, '\\.test\\.js$')
const chosen = suites.filter(
  ({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
)
if (chosen.length === 0) throw new Error(`no test file has a name with: ${wanted.join(' ')}`)
await run(chosen)

setTimeout(() => {
  const open = process.getActiveResourcesInfo().join(', ')
  process.stderr.write(`the tests have left something open: ${open}\n`)
  process.exit(1)
}, endsWithinMs).unref()
