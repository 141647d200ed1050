import * as assert from 'uvu/assert'
import {
  keysBySymbol,
  type RowOf,
  rememberingLatest,
  state,
} from '../../src/projections/projection.ts'
import { suite } from '../support/suite.ts'
import { trade } from '../support/trade.ts'

const test = suite('what models are written with')

const recorded = (symbol: string, executedAt: number) => ({
  partition: 0,
  offset: 0,
  recordedAt: 0,
  event: trade({ symbol, executedAt }),
})

test('keys are made once for a symbol and a span', () => {
  const keys = keysBySymbol(60_000, (symbol, start) => [[symbol, start]])
  const first = keys(recorded('AAPL', 60_000))
  assert.equal(first, [['AAPL', 60_000]])
  assert.equal(keys(recorded('MSFT', 60_000)), [['MSFT', 60_000]])
  assert.is(keys(recorded('AAPL', 119_999)), first)
  assert.equal(keys(recorded('AAPL', 120_000)), [['AAPL', 120_000]])
  assert.equal(keys(recorded('AAPL', 60_001)), [['AAPL', 60_000]])
})

test('keys of a symbol alone are made once for all time', () => {
  const keys = keysBySymbol(Infinity, (symbol, start) => [[symbol, start]])
  assert.equal(keys(recorded('AAPL', 5)), [['AAPL', 0]])
  assert.is(keys(recorded('AAPL', 5)), keys(recorded('AAPL', 500_000)))
})

test('more symbols than are cached have their keys, too', () => {
  const keys = keysBySymbol(Infinity, (symbol) => [[symbol]])
  for (let i = 0; i < 25_000; i++) assert.equal(keys(recorded(`S${i}`, i)), [[`S${i}`]])
  assert.equal(keys(recorded('S0', 0)), [['S0']])
})

test('an answer is cached until another is computed', () => {
  let computed = 0
  const double = rememberingLatest(({ n }: { n: number }) => {
    computed++
    return 2 * n
  })
  const [one, two] = [{ n: 1 }, { n: 2 }]
  assert.equal([one, one, two, two, one].map(double), [2, 2, 4, 4, 2])
  assert.is(computed, 3)
})

const prices = {
  name: 'prices',
  version: 1,
  events: ['TradeExecuted'],
  keys: () => [['all']],
} as const

test('by default, a state is stored as it is, and an event has one row', () => {
  const initial = () => ({ price: '' })
  const { rowsPerEvent, store, load } = state({
    ...prices,
    initial,
    evolve: (_, { event }) => event,
  })
  const row = { price: '3' }
  assert.is(rowsPerEvent, 1)
  assert.is(store(row), row)
  assert.is(load(row), row)
})

test('events, states and rows have the types that a model gives them', () => {
  const initial = () => new Set<string>()
  const evolve = (seen: Set<string>) => seen
  const stored = state({
    ...prices,
    initial,
    // @ts-expect-error: a trade has no `reason`.
    evolve: (seen, { event: { price, reason } }) => seen.add(price + reason),
    store: (seen) => ({ prices: [...seen] }),
    load: (row) => new Set(row.prices),
  })
  // @ts-expect-error: a set is no row, so that it needs `store` and `load`.
  state({ ...prices, initial, evolve })
  const row: RowOf<typeof stored> = { prices: ['1'] }
  // @ts-expect-error: `prices`, not `price`.
  assert.is(row.price, undefined)
})

test.run()
