import { stripVTControlCharacters } from 'node:util'
import * as assert from 'uvu/assert'
import { screen } from '../../src/watch/screen.ts'
import { type ReadModel, watchState } from '../../src/watch/state.ts'
import { suite } from '../support/suite.ts'

const test = suite('screen of watch')

const readModel = (fields: Partial<ReadModel> = {}): ReadModel => ({
  name: 'candles',
  version: 2,
  generation: 'candles-20261124t101500123-4f9a2c',
  state: 'caught up',
  lag: 12_345,
  error: null,
  replay: null,
  verification: null,
  ...fields,
})

const building = {
  state: 'building',
  events_done: 250,
  events_total: 1_000,
  events_per_second: 10,
  is_stale: false,
}

function given(symbols: readonly string[], readModels: readonly ReadModel[] = [readModel()]) {
  const state = watchState('http://localhost:8000')
  state.take({ kind: 'connected' })
  for (const symbol of symbols) {
    for (const price of ['100', '101.5']) {
      const tick = { symbol, price, vwap: '100.75', change: '1.5', trade_count: 1_234 }
      state.take({ kind: 'tick', tick })
    }
  }
  state.take({ kind: 'read models', readModels })
  return state
}

const linesOf = (state: ReturnType<typeof given>, columns = 100, rows = 30): string[] =>
  screen(state.now(), { columns, rows }).map(stripVTControlCharacters)

test('shows a symbol with every column', () => {
  const line = linesOf(given(['AAPL'])).find((one) => one.includes('AAPL')) ?? ''
  for (const part of ['101.5', '+1.5', '100.75', '1,234', '▁█'])
    assert.ok(line.includes(part), part)
})

test('says that change and VWAP are those of the 50 latest trades', () => {
  for (const columns of [80, 200]) {
    const titles = linesOf(given(['AAPL']), columns).find((line) => line.includes('price')) ?? ''
    assert.match(titles, /change 50 .*VWAP 50/)
  }
})

test('shows a read model, its replay and its last verification', () => {
  const verification = { result: 'equal', finished_at: '2025-11-20T13:33:03.544Z' }
  const lines = linesOf(given([], [readModel({ replay: building, verification })]))
  const line = lines.find((one) => one.includes('candles')) ?? ''
  for (const part of ['v2 4f9a2c', 'caught up', '12,345', '██░░░░░░░░ 25 %', 'equal 13:33']) {
    assert.ok(line.includes(part), `${part} in ${line}`)
  }
})

test('says that the connection is lost, and why, above the last state', () => {
  const state = given(['AAPL'])
  assert.match(linesOf(state)[0] ?? '', '● live')
  state.take({ kind: 'lost', reason: 'connect ECONNREFUSED' })
  const lines = linesOf(state)
  assert.match(lines[0] ?? '', 'lost, trying again: connect ECONNREFUSED')
  assert.ok(lines.some((line) => line.includes('AAPL')))
})

test('says so if there is nothing yet', () => {
  const lines = linesOf(given([], []))
  assert.ok(lines.some((line) => line.includes('no trades yet')))
  const fresh = watchState('http://localhost:8000')
  assert.match(linesOf(fresh).join('\n'), 'nothing received yet')
})

test('is never larger than the terminal, whatever its size', () => {
  const symbols = Array.from({ length: 50 }, (_, index) => `SYMBOL-WITH-A-LONG-NAME-${index}`)
  const state = given(symbols, Array(4).fill(readModel({ replay: building })))
  state.take({ kind: 'lost', reason: 'x'.repeat(200) })
  for (const rows of [1, 5, 10, 24, 60]) {
    for (const columns of [20, 40, 60, 80, 100, 200]) {
      const lines = linesOf(state, columns, rows)
      assert.ok(lines.length <= rows, `${lines.length} lines in ${rows}`)
      for (const line of lines) {
        assert.ok([...line].length <= columns, `${[...line].length} in ${columns}: ${line}`)
      }
    }
  }
})

test('says how many symbols do not fit', () => {
  const lines = linesOf(given(['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H']), 100, 12)
  const shown = lines.filter((line) => line.includes('101.5')).length
  assert.match(lines.join('\n'), `… and ${8 - shown} more`)
})

test('replaces control characters of a name', () => {
  const text = screen(given(['A\u001b[2J\u0007']).now(), { columns: 100, rows: 30 }).join('\n')
  assert.not.match(text, '\u001b[2J')
  assert.not.match(text, '\u0007')
  assert.match(text, 'A?[2J?')
})

test('says why a read model has stopped', () => {
  const error = { code: 'EVENT_UNREADABLE', message: 'candles stopped at partition 0, offset 2' }
  const state = given(['AAPL'], [readModel({ state: 'stopped', error })])
  const text = screen(state.now(), { columns: 120, rows: 30 }).map(stripVTControlCharacters)
  assert.ok(text.some((line) => line.includes(`${error.code}: ${error.message}`)))
})

test.run()
