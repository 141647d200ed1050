import * as assert from 'uvu/assert'
import { createBars } from '../../src/cli/replay-progress.ts'
import type { ReplayStatus } from '../../src/read-model-store/status.ts'
import { suite } from '../support/suite.ts'

const test = suite('bars of a replay')

/** A terminal that understands the few codes that bars use, and keeps the lines it shows. */
function terminal() {
  let lines = ['']
  let row = 0
  const write = (text: string) => {
    const codes = /␛\[(\d+)A\r|␛\[(J)|([^␛])/g
    for (const [, up, erase, other = ''] of text.replaceAll('\u001b', '␛').matchAll(codes)) {
      if (up !== undefined) row -= Number(up)
      else if (erase !== undefined) lines = [...lines.slice(0, row), '']
      else if (other === '\n') lines[++row] ??= ''
      else lines[row] += other
    }
  }
  return { write, lines: () => lines.slice(0, -1) }
}

const status = (model: string, eventsDone: number): ReplayStatus => ({
  kind: 'replay',
  model,
  version: 1,
  generation: `${model}-1`,
  state: 'building',
  eventsDone,
  eventsTotal: 1_000,
  eventsPerSecond: 500,
  remainingMs: 1_000,
  startedAt: 0,
  error: null,
})

test('each model has one line, which is updated', () => {
  const { write, lines } = terminal()
  const bars = createBars(write, () => 100)
  for (const done of [0, 500, 1_000]) {
    for (const model of ['trades', 'symbols']) bars.show(status(model, done))
  }
  const full = '█'.repeat(30)
  assert.equal(lines(), [
    `${full} trades: building, 1,000 of 1,000 read, 500/s, 1 s left`,
    `${full} symbols: building, 1,000 of 1,000 read, 500/s, 1 s left`,
  ])
})

test('a line of the log goes above the bars, and below them once they have ended', () => {
  const { write, lines } = terminal()
  const bars = createBars(write, () => 100)
  bars.above(() => write('the first line\n'))
  bars.show(status('trades', 0))
  bars.above(() => write('the second,\n  of two lines\n'))
  bars.show(status('trades', 1_000))
  bars.end()
  bars.above(() => write('the last line\n'))
  const shown = lines()
  assert.is(shown.length, 5)
  assert.equal(shown.slice(0, 3), ['the first line', 'the second,', '  of two lines'])
  assert.match(shown[3] ?? '', /^█+ trades: /)
  assert.is(shown[4], 'the last line')
})

test('no line is as wide as the terminal, however narrow it is', () => {
  for (const columns of [1, 10, 60, 80, 120]) {
    const { write, lines } = terminal()
    createBars(write, () => columns).show(status('a-model-of-a-long-name', 123))
    const [line = ''] = lines()
    assert.ok(line.length < columns, `${line.length} of ${columns}`)
  }
})

test.run()
