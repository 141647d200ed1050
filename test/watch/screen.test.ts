import { stripVTControlCharacters } from 'node:util'
import * as assert from 'uvu/assert'
import { screen } from '../../src/watch/screen.ts'
import { type Feeds, type ReadModel, watchState } from '../../src/watch/state.ts'
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

const connected = { source: 'finnhub', state: 'connected', since: '', problem: null } as const

/** A feed that is connected, unless the fields say otherwise. */
const feedsWith = (
  feed: Partial<Feeds['data'][number]>,
  ingest: Partial<Feeds['ingest']> = {},
): Feeds => ({
  data: [{ ...connected, since: '2025-11-20T13:33:03.544Z', ...feed }],
  ingest: { state: 'active', since: '2025-11-20T13:33:03.544Z', problems: [], ...ingest },
})

function given(symbols: readonly string[], readModels: readonly ReadModel[] = [readModel()]) {
  const state = watchState('http://localhost:8000')
  state.take({ kind: 'connected' })
  state.take({ kind: 'feeds', feeds: feedsWith({}) })
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

test('shows tiny and long numbers rounded, never cut to 0', () => {
  const rowOf = (price: string, vwap: string, change: string) => {
    const state = given([])
    state.take({ kind: 'tick', tick: { symbol: 'A', price, vwap, change, trade_count: 2 } })
    return (linesOf(state).find((one) => one.startsWith('  A ')) ?? '')
      .trim()
      .split(/ +/)
      .slice(1, 4)
  }
  assert.equal(rowOf('0.0000000172', '0.0000000173', '0.0000001'), [
    '0.0000000172',
    '+0.0000001',
    '0.0000000173',
  ])
  assert.equal(rowOf('0.00000000172', '0.00000000172666667', '-0.00000000003'), [
    '1.72e-9',
    '-3e-11',
    '1.72666667e-9',
  ])
  assert.equal(rowOf('284578000.00000004', '284578000.00000004', '123456789012'), [
    '284578000',
    '+1.235e+11',
    '284578000',
  ])
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

test('is live only while the feed is connected and nothing is wrong with it', () => {
  const problem = 'the feed answers 401: check finnhub.token'
  const cases: readonly [feeds: Feeds, sign: string, line: string][] = [
    [feedsWith({}), '● live', 'feed finnhub connected'],
    [
      feedsWith({ state: 'disconnected', problem }),
      '○ not live',
      `feed finnhub not connected since 2025-11-20 13:33 UTC: ${problem}`,
    ],
    [
      feedsWith({ state: 'connecting' }),
      '○ not live',
      'feed finnhub connecting since 2025-11-20 13:33 UTC',
    ],
    [
      feedsWith({ problem: 'trades refused: is the clock right?' }),
      '○ not live',
      'feed finnhub: trades refused: is the clock right?',
    ],
    [feedsWith({ source: 'file', state: 'played' }), '○ not live', 'the file has been played'],
    [feedsWith({}, { state: 'no feed' }), '○ not live', 'no feed'],
    [
      feedsWith({ state: null }, { state: 'not reported' }),
      '○ not live',
      'no report on the feed since 2025-11-20 13:33 UTC',
    ],
    [
      feedsWith({ state: null }, { state: 'not reported', since: null }),
      '○ not live',
      'no process has reported on the feed',
    ],
    [
      feedsWith({ state: null }, { state: 'stopped' }),
      '○ not live',
      'no process listens to the feed since 2025-11-20 13:33 UTC: ingest has stopped',
    ],
    [
      feedsWith({}, { problems: [{ part: 'event store', message: 'takes no events' }] }),
      '○ not live',
      'event store takes no events',
    ],
  ]
  for (const [feeds, sign, line] of cases) {
    const state = given(['AAPL'])
    state.take({ kind: 'feeds', feeds })
    const lines = linesOf(state, 120).map((one) => one.trim())
    assert.ok(lines[0]?.endsWith(sign), `${sign} in ${lines[0]}`)
    assert.ok(lines.includes(line), `${line} in ${lines.join('\n')}`)
  }
})

test('is not live before the feed is known, nor when nothing is known of it any more', () => {
  const fresh = watchState('http://localhost:8000')
  fresh.take({ kind: 'connected' })
  assert.match(linesOf(fresh)[0] ?? '', '○ connecting')
  const state = given(['AAPL'])
  state.take({ kind: 'feeds not known', reason: 'the store is away' })
  const lines = linesOf(state)
  assert.match(lines[0] ?? '', '○ not live')
  assert.match(lines[1] ?? '', 'feed not known: the store is away')
})

test('shows in full what is wrong with a feed, on 80 columns too', () => {
  const problem =
    'the feed refuses the connection with 429, too many requests: another program uses this ' +
    'token, or the plan of the account is too small'
  const state = given(['AAPL'])
  state.take({ kind: 'feeds', feeds: feedsWith({ state: 'disconnected', problem }) })
  const lines = linesOf(state, 80)
  const said = lines.slice(1, lines.indexOf('')).map((line) => line.trim())
  assert.is(said.join(' '), `feed finnhub not connected since 2025-11-20 13:33 UTC: ${problem}`)
})

test('is never larger than the terminal, whatever its size', () => {
  const symbols = Array.from({ length: 50 }, (_, index) => `SYMBOL-WITH-A-LONG-NAME-${index}`)
  const lost = given(symbols, Array(4).fill(readModel({ replay: building })))
  lost.take({ kind: 'lost', reason: 'x'.repeat(200) })
  const refused = given(symbols, Array(4).fill(readModel({ replay: building })))
  const problem = `${'word '.repeat(40)}${'x'.repeat(200)}`
  refused.take({ kind: 'feeds', feeds: feedsWith({ state: 'disconnected', problem }) })
  for (const rows of [1, 5, 10, 24, 60]) {
    for (const columns of [20, 40, 60, 80, 100, 200]) {
      for (const state of [lost, refused]) {
        const lines = linesOf(state, columns, rows)
        assert.ok(lines.length <= rows, `${lines.length} lines in ${rows}`)
        for (const line of lines) {
          assert.ok([...line].length <= columns, `${[...line].length} in ${columns}: ${line}`)
        }
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
