import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import { seededRandom } from '../support/random.ts'
import { suite } from '../support/suite.ts'
import { planFaults } from './faults.ts'
import { strayLines } from './member.ts'
import { judgedMemory, type Sample } from './memory.ts'
import { soakOptions } from './options.ts'
import { readApi } from './readers.ts'

const test = suite('judgement of the soak')

async function nothing() {}
const targets = ['feed', 'api', 'kafka'].map((name) => ({
  name,
  kill: nothing,
  revive: nothing,
  pause: nothing,
  resume: nothing,
}))
const planOf = (seed: number) =>
  planFaults({ random: seededRandom(seed), targets, everyMs: 20_000, untilMs: 20 * 60_000 })

test('the same seed makes the same faults, of every kind, each over before the next', () => {
  const faults = planOf(7)
  assert.equal(planOf(7), faults)
  assert.not.equal(planOf(8), faults)
  assert.is(faults.length, 59)
  const kinds = new Set(faults.map(({ kind, target }) => `${kind} ${target}`))
  assert.is(kinds.size, 6)
  for (const [nth, { atMs, awayMs }] of faults.entries()) {
    assert.is(atMs, (nth + 1) * 20_000)
    assert.ok(awayMs <= 15_000)
  }
})

/** Twenty minutes of one process. */
const samples = (mibAt: (minute: number) => number): readonly Sample[] =>
  Array.from({ length: 600 }, (_, nth) => ({
    at: nth * 2_000,
    ageMs: nth * 2_000,
    anonymousMiB: mibAt(nth / 30),
  }))

const isFlat = (of: Readonly<Record<string, readonly Sample[]>>) =>
  judgedMemory(new Map(Object.entries(of))).map((each) => each.isFlat)

test('growing memory is distinguished from memory that only varies', () => {
  const moving = samples((minute) => 100 + 20 * Math.sin(minute))
  assert.ok((judgedMemory(new Map([['api', moving]]))[0]?.mostMiB ?? 0) > 119)
  assert.equal(isFlat({ api: moving }), [true])
  assert.equal(isFlat({ api: samples((minute) => (minute < 1 ? 10 : 100)) }), [true])
  assert.equal(isFlat({ api: samples((minute) => 100 + 10 * minute) }), [false])
  assert.equal(isFlat({ api: samples(() => 100).slice(0, 60) }), [undefined])
})

test('a process that takes over from another of its role may take as much memory, no more', () => {
  const active = samples((minute) => (minute < 10 ? 150 : 40))
  assert.equal(
    isFlat({ 'project-1': active, 'project-2': samples((minute) => (minute < 10 ? 40 : 150)) }),
    [true, true],
  )
  assert.equal(
    isFlat({ 'project-1': active, 'project-2': samples((minute) => (minute < 10 ? 40 : 300)) }),
    [true, false],
  )
  const alone = samples((minute) => (minute < 10 ? 40 : 150))
  assert.equal(isFlat({ 'project-1': active, api: alone }), [true, false])
})

test('output that is no log entry is noticed, except a line that a kill has cut', () => {
  const entry = '{"level":30,"msg":"listening"}\n'
  assert.equal(strayLines(entry + entry), [])
  assert.equal(strayLines(`${entry}{"level":30,"ms`), [])
  assert.equal(strayLines(`${entry}Error: unhandled\n${entry}`), ['Error: unhandled'])
})

test('an answer that no fault excuses is noticed, and so is a count that goes back', async () => {
  let asked = 0
  const server = createServer((_, response) => {
    asked += 1
    response.statusCode = asked === 2 ? 500 : asked === 3 ? 503 : 200
    const available = [{ symbol: 'AAPL', trade_count: asked === 1 ? 5 : 4 }]
    response.end(JSON.stringify({ data: { available }, error: null }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const reading = readApi(`http://127.0.0.1:${port}`, { fewRoutes: true })
  await new Promise<void>((resolve) => {
    server.on('request', () => {
      if (asked === 4) resolve()
    })
  })
  const { answers, wrong } = await reading.end()
  server.closeAllConnections()
  server.close()
  assert.equal(answers, { 200: 2, 500: 1, 503: 1 })
  assert.equal(wrong, ['/api/v1/vwap: 500', 'AAPL went back to 4 trades'])
})

test('an invalid option is refused', () => {
  assert.is(soakOptions(['--help']), undefined)
  assert.is(soakOptions(['--minutes', '3'])?.minutes, 3)
  for (const args of [
    ['--minutes', '0'],
    ['--rate', 'many'],
    ['--colour', 'red'],
  ]) {
    assert.throws(() => soakOptions(args))
  }
})

test.run()
