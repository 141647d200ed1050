import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { parse } from 'uvu/parse'

/**
 * Runs test files side by side: `node dist/test/run.js [part of a path …]`. `TRADELOG_TEST_JOBS`
 * sets how many processes at once; most tests wait, so there are more than processors.
 */
const processesMax = Number(process.env.TRADELOG_TEST_JOBS ?? 2 * availableParallelism())

/**
 * What takes longest begins first, each file in a process of its own. The other files of a folder
 * share one, as starting it takes longer than most of them.
 */
const longFirst = [
  'crash-points',
  'cli/',
  'adding-a',
  'real-trades',
  'every-read-model',
  'end-to-end/',
  'kafka/',
  'mongodb/',
  'browser/',
  'simulation/',
]

/** Files that stop the servers which the others use: they run when all others have ended. */
const alone = ['end-to-end/stores-away']

/** Tests of whole processes and long searches: measuring coverage there takes long, adds little. */
const uncovered = ['end-to-end/', 'browser/', 'simulation/', 'cli/replay-threads']

/** As uvu ends its output. */
const uvuTotals = /\n {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)\n {2}Duration: .*\n/

const { NODE_V8_COVERAGE: _, ...plain } = process.env

const startedAt = performance.now()
const chosen = await chosenFiles(process.argv.slice(2))
const isAlone = (name: string) => alone.some((part) => name.includes(part))
const waiting = inOrder(chosen.filter((name) => !isAlone(name)))
const waitingAlone = inOrder(chosen.filter(isAlone))
const running = new Set<ChildProcess>()
const totals = { total: 0, passed: 0, skipped: 0 }
const failures: string[] = []

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    failures.push(`stopped by ${signal}`)
    waiting.length = 0
    waitingAlone.length = 0
    for (const child of running) child.kill(signal)
  })
}
await Promise.all(Array.from({ length: processesMax }, () => runAll(waiting)))
await runAll(waitingAlone)
process.stdout.write(summary())
if (failures.length > 0) process.exitCode = 1

async function chosenFiles(parts: readonly string[]): Promise<readonly string[]> {
  const { suites } = await parse(import.meta.dirname, '\\.test\\.js$')
  const chosen = suites
    .map(({ name }) => name)
    .filter((name) => parts.length === 0 || parts.some((part) => name.includes(part)))
  if (chosen.length === 0) throw new Error(`no test file has a name with: ${parts.join(' ')}`)
  return chosen
}

/** Lists of files, each for one process. */
function inOrder(names: readonly string[]): string[][] {
  const rank = (name: string) => {
    const at = longFirst.findIndex((part) => name.includes(part))
    return at < 0 ? longFirst.length : at
  }
  const lists = new Map<string, string[]>()
  for (const name of names.toSorted((a, b) => rank(a) - rank(b))) {
    const process = rank(name) < longFirst.length ? name : dirname(name)
    lists.set(process, [...(lists.get(process) ?? []), name])
  }
  return [...lists.values()]
}

async function runAll(lists: string[][]): Promise<void> {
  for (let names = lists.shift(); names !== undefined; names = lists.shift()) await runFiles(names)
}

async function runFiles(names: readonly string[]): Promise<void> {
  const from = performance.now()
  const child = spawn(process.execPath, [join(import.meta.dirname, 'run-files.js'), ...names], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: names.some((name) => uncovered.some((part) => name.includes(part))) ? plain : process.env,
  })
  running.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  const [code, signal] = await once(child, 'close')
  running.delete(child)
  const text = stripVTControlCharacters(output)
  const seconds = ((performance.now() - from) / 1_000).toFixed(1)
  process.stdout.write(`${text.replace(uvuTotals, '').trimEnd()}\n  ${seconds} s\n\n`)
  if (code !== 0) failures.push(`ended with ${code ?? signal}: ${names.join(' ')}`)
  const [, total = 0, passed = 0, skipped = 0] = (uvuTotals.exec(text) ?? []).map(Number)
  totals.total += total
  totals.passed += passed
  totals.skipped += skipped
}

function summary(): string {
  const { total, passed, skipped } = totals
  const lines = [
    ...failures,
    `Total:     ${total}`,
    `Passed:    ${passed}`,
    `Skipped:   ${skipped}`,
    `Duration:  ${(performance.now() - startedAt).toFixed(2)}ms`,
  ]
  return lines.map((line) => `  ${line}\n`).join('')
}
