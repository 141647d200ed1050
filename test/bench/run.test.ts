import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { partsOf } from '../../bench/parts.ts'
import { suite } from '../support/suite.ts'

const test = suite('bench')

function run(...args: string[]) {
  const program = new URL('../../bench/run.js', import.meta.url).pathname
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args])
  return { status, stdout: stdout.toString(), stderr: stderr.toString() }
}

const readme = readFileSync(new URL('../../../bench/README.md', import.meta.url), 'utf8')

test('--help names every part, and every option of its README, and measures nothing', () => {
  const { status, stdout, stderr } = run('--help')
  assert.equal([status, stderr], [0, ''])
  const options = readme.match(/(?<=`)--[a-z-]+(?= [A-Z]+`)/g) ?? []
  assert.is(options.length, 5)
  for (const name of [...options, ...partNames()]) assert.match(stdout, new RegExp(`${name}\\b`))
})

test('an unknown option is refused', () => {
  const { status, stderr } = run('--evnets', '5')
  assert.is(status, 2)
  assert.match(stderr, "bench: Unknown option '--evnets'")
})

function partNames(): string[] {
  const none = {
    events: 1,
    peerEvents: 1,
    baselineEvents: 1,
    killEvents: 1,
    memoryEvents: [],
    pagedTrades: [],
  }
  return partsOf(none).map(({ name }) => name)
}

test.run()
