import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  compare,
  type Decimal,
  formatDecimal,
  multiply,
  parseDecimal,
} from '../../../src/domain/decimal.ts'
import {
  type CandleRow,
  candleIntervalsMs,
  candles,
} from '../../../src/projections/read-models/candles.ts'
import { given } from '../../support/given.ts'
import { suite } from '../../support/suite.ts'
import { recorded, trade } from '../../support/trade.ts'
import { tradeLogs } from '../../support/trade-log.ts'

const test = suite('candles')
const minute = Date.parse('2025-11-20T13:33:00Z')
const hour = Date.parse('2025-11-20T13:00:00Z')
const day = Date.parse('2025-11-20T00:00:00Z')

const at = (ms: number, price: string, volume = '1') =>
  trade({ executedAt: minute + ms, price, volume })

test('a trade is in one candle of a minute, an hour and a day', () => {
  given([at(0, '196.38', '265')])
    .when(candles)
    .thenKeys(['AAPL', '1m', minute], ['AAPL', '1h', hour], ['AAPL', '1d', day])
    .thenRow(['AAPL', '1h', hour], {
      symbol: 'AAPL',
      interval: '1h',
      start: hour,
      open: '196.38',
      high: '196.38',
      low: '196.38',
      close: '196.38',
      volume: '265',
      notional: '52040.7',
      priceDigits: 2,
      tradeCount: 1,
      opened: [minute, 0, 0],
      closed: [minute, 0, 0],
    })
})

test('open, high, low, close, volume and notional are those of its trades', () => {
  given([at(0, '10', '1'), at(1, '12.5', '2'), at(2, '9', '0.5'), at(59_999, '11', '4')])
    .when(candles)
    .thenRow(['AAPL', '1m', minute], {
      open: '10',
      high: '12.5',
      low: '9',
      close: '11',
      volume: '7.5',
      notional: '83.5',
      tradeCount: 4,
    })
})

test('the most fractional digits of its prices are kept, trailing zeros not counted', () => {
  given([at(0, '10.2500'), at(1, '10'), at(2, '0.00000000172'), at(60_000, '1.5')])
    .when(candles)
    .thenRow(['AAPL', '1m', minute], { priceDigits: 11 })
    .thenRow(['AAPL', '1m', minute + 60_000], { priceDigits: 1 })
    .thenRow(['AAPL', '1d', day], { priceDigits: 11 })
  given([at(0, '10.2500')])
    .when(candles)
    .thenRow(['AAPL', '1m', minute], { priceDigits: 2 })
})

test('sums are exact, unlike those of floating-point numbers', () => {
  given(Array.from({ length: 10 }, (_, i) => at(i, '0.1', '0.1')))
    .when(candles)
    .thenRow(['AAPL', '1m', minute], { volume: '1', notional: '0.1' })
})

test('a candle is cut by the time of the trade, not by the record time', () => {
  const lateRecord = { ...recorded(at(59_999, '10')), recordedAt: minute + 3_600_000 }
  given([lateRecord])
    .when(candles)
    .thenKeys(['AAPL', '1m', minute], ['AAPL', '1h', hour], ['AAPL', '1d', day])
})

test('a candle ends with the last millisecond of its minute', () => {
  given([at(59_999, '10'), at(60_000, '11')])
    .when(candles)
    .thenRow(['AAPL', '1m', minute], { close: '10', tradeCount: 1 })
    .thenRow(['AAPL', '1m', minute + 60_000], { open: '11', tradeCount: 1 })
    .thenRow(['AAPL', '1h', hour], { open: '10', close: '11', tradeCount: 2 })
})

test('a late trade revises the candle of its own time', () => {
  given([at(30_000, '10'), at(90_000, '20'), at(10_000, '30', '2'), at(40_000, '5')])
    .when(candles)
    .thenRow(['AAPL', '1m', minute], {
      open: '30',
      high: '30',
      low: '5',
      close: '5',
      volume: '4',
      tradeCount: 3,
    })
    .thenRow(['AAPL', '1m', minute + 60_000], { open: '20', close: '20', tradeCount: 1 })
})

test('two trades far apart in arrival make one candle, not two with one start', () => {
  const later = Array.from({ length: 20 }, (_, i) => at((i + 1) * 60_000, '10'))
  given([at(0, '10'), ...later, at(1, '11')])
    .when(candles)
    .thenRow(['AAPL', '1m', minute], { tradeCount: 2, close: '11' })
})

test('among the trades of one millisecond, position decides open and close', () => {
  const [first, second, third] = [at(0, '1'), at(0, '2'), at(0, '3')]
  const inOrder = [recorded(first, 5, 0), recorded(second, 6, 0), recorded(third, 2, 1)]
  const otherwise = [recorded(third, 2, 1), recorded(first, 5, 0), recorded(second, 6, 0)]
  for (const events of [inOrder, otherwise]) {
    given(events)
      .when(candles)
      .thenRow(['AAPL', '1m', minute], {
        open: '1',
        close: '3',
        opened: [minute, 0, 5],
        closed: [minute, 1, 2],
      })
  }
})

test('a trade of volume 0 moves prices and counts, but adds no volume', () => {
  given([at(0, '10', '2'), at(1, '15', '0')])
    .when(candles)
    .thenRow(['AAPL', '1m', minute], {
      high: '15',
      close: '15',
      volume: '2',
      notional: '20',
      tradeCount: 2,
    })
})

test('prices below zero are prices', () => {
  given([at(0, '-1.5', '2'), at(1, '-37.63', '1'), at(2, '0', '1')])
    .when(candles)
    .thenRow(['AAPL', '1m', minute], {
      open: '-1.5',
      high: '0',
      low: '-37.63',
      close: '0',
      notional: '-40.63',
    })
})

test('no close is above a high, no VWAP outside low and high, for any trades', () => {
  fc.assert(
    fc.property(tradeLogs(60), (log) => {
      for (const row of given(log).when(candles).rows) assertInBounds(row)
    }),
  )
})

function assertInBounds(row: CandleRow) {
  const volume = parseDecimal(row.volume)
  const low = parseDecimal(row.low)
  const high = parseDecimal(row.high)
  assertRising(low, parseDecimal(row.open), high)
  assertRising(low, parseDecimal(row.close), high)
  // low ≤ notional ÷ volume ≤ high, without a division that would round.
  assertRising(multiply(low, volume), parseDecimal(row.notional), multiply(high, volume))
  assert.is(row.start % candleIntervalsMs[row.interval], 0)
}

function assertRising(...values: readonly Decimal[]) {
  for (const [i, value] of values.entries()) {
    assert.ok(
      i === 0 || compare(values[i - 1] ?? value, value) <= 0,
      values.map(formatDecimal).join(),
    )
  }
}

test.run()
