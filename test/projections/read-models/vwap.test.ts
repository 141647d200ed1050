import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { compare, parseDecimal } from '../../../src/domain/decimal.ts'
import { type VwapRow, vwap, vwapWindowTrades } from '../../../src/projections/read-models/vwap.ts'
import { given } from '../../support/given.ts'
import { suite } from '../../support/suite.ts'
import { recorded, trade } from '../../support/trade.ts'
import { tradeLogs } from '../../support/trade-log.ts'

const test = suite('vwap')
const time = 1_763_645_583_544

const at = (ms: number, price: string, volume = '1') =>
  trade({ executedAt: time + ms, price, volume })

const fullWindow = Array.from({ length: vwapWindowTrades }, (_, i) => at(i, String(100 + i)))

test('weighs each price by its volume', () => {
  given([at(0, '100', '1'), at(1, '200', '3')])
    .when(vwap)
    .thenKeys(['AAPL'])
    .thenRow(['AAPL'], {
      symbol: 'AAPL',
      vwap: '175',
      lastPrice: '200',
      lastTradeAt: time + 1,
      tradeCount: 2,
      change: '100',
      window: [
        { executedAt: time, partition: 0, offset: 0, price: '100', volume: '1' },
        { executedAt: time + 1, partition: 0, offset: 1, price: '200', volume: '3' },
      ],
    })
})

test('of prices far below a hundred millionth is not 0', () => {
  given([at(0, '0.00000000172', '5'), at(1, '0.00000000172', '0.1')])
    .when(vwap)
    .thenRow(['AAPL'], { vwap: '0.00000000172', change: '0' })
})

test('has six digits more than the prices of its window, but only of its window', () => {
  const tiny = at(-1, '0.000000000001', '2')
  given([tiny, at(0, '1', '1')])
    .when(vwap)
    .thenRow(['AAPL'], { vwap: '0.333333333334' })
  given([tiny, ...fullWindow])
    .when(vwap)
    .thenRow(['AAPL'], { vwap: '124.5' })
  const thirds = [at(0, '0.0000000001', '1'), at(1, '0', '2')]
  given(thirds).when(vwap).thenRow(['AAPL'], { vwap: '0.0000000000333333' })
})

test('is rounded half to even', () => {
  const vwapOf = (...trades: ReturnType<typeof at>[]) => given(trades).when(vwap)
  vwapOf(at(0, '1', '1'), at(0, '0', '2')).thenRow(['AAPL'], { vwap: '0.33333333' })
  vwapOf(at(0, '2', '1'), at(0, '0', '2')).thenRow(['AAPL'], { vwap: '0.66666667' })
  vwapOf(at(0, '1'), at(0, '0', '199999999')).thenRow(['AAPL'], { vwap: '0' })
  vwapOf(at(0, '3'), at(0, '0', '199999999')).thenRow(['AAPL'], { vwap: '0.00000002' })
  vwapOf(at(0, '-3'), at(0, '0', '199999999')).thenRow(['AAPL'], { vwap: '-0.00000002' })
})

test('is null if nothing was traded, as in a forex feed', () => {
  given([at(0, '1.0842', '0'), at(1, '1.0843', '0')])
    .when(vwap)
    .thenRow(['AAPL'], { vwap: null, lastPrice: '1.0843', change: '0.0001' })
})

test('prices below zero are prices', () => {
  given([at(0, '-37.63', '1'), at(1, '-1', '1')])
    .when(vwap)
    .thenRow(['AAPL'], { vwap: '-19.315', lastPrice: '-1', change: '36.63' })
})

test('is made of the latest 50 trades', () => {
  given([at(-1, '1000000', '1000000'), ...fullWindow])
    .when(vwap)
    .thenRow(['AAPL'], { vwap: '124.5', lastPrice: '149', change: '49', tradeCount: 51 })
})

test('a trade older than a full window changes only the count', () => {
  const { tradeCount, ...figures } = given(fullWindow).when(vwap).rows[0] as VwapRow
  given([...fullWindow, at(-1, '1000000', '1000000')])
    .when(vwap)
    .thenRow(['AAPL'], { ...figures, tradeCount: tradeCount + 1 })
})

test('a late trade is inserted into the window, and the oldest is dropped', () => {
  const outcome = given([...fullWindow, at(10, '7')]).when(vwap)
  outcome.thenRow(['AAPL'], { lastPrice: '149', change: '48', tradeCount: 51 })
  const { window } = outcome.rows[0] as VwapRow
  assert.is(window.length, vwapWindowTrades)
  assert.is(window[0]?.price, '101')
  assert.equal(window[10], {
    executedAt: time + 10,
    partition: 0,
    offset: 50,
    price: '7',
    volume: '1',
  })
})

test('among the trades of one millisecond, position decides the last price', () => {
  const events = [
    recorded(at(0, '3'), 2, 1),
    recorded(at(0, '1'), 5, 0),
    recorded(at(0, '2'), 6, 0),
  ]
  for (const order of [events, [...events.slice(1), ...events.slice(0, 1)]]) {
    given(order).when(vwap).thenRow(['AAPL'], { lastPrice: '3', change: '2' })
  }
})

test('is between the lowest and the highest price of the window, for any trades', () => {
  fc.assert(
    fc.property(tradeLogs(80), (log) => {
      for (const { vwap: mean, window } of given(log).when(vwap).rows) {
        if (mean === null) continue
        const prices = window.map(({ price }) => parseDecimal(price)).sort(compare)
        const [low, high] = [prices[0], prices.at(-1)]
        assert.ok(low && compare(low, parseDecimal(mean)) <= 0)
        assert.ok(high && compare(parseDecimal(mean), high) <= 0)
      }
    }),
  )
})

test.run()
