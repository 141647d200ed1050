import { trades } from '../../../src/projections/read-models/trades.ts'
import { given } from '../../support/given.ts'
import { suite } from '../../support/suite.ts'
import { recorded, trade } from '../../support/trade.ts'

const test = suite('trades')
const time = 1_763_645_583_544

test('has a row for every trade, equal ones included', () => {
  given([trade(), trade(), trade({ executedAt: time - 5 })])
    .when(trades)
    .thenKeys(['AAPL', time, 0, 0], ['AAPL', time, 0, 1], ['AAPL', time - 5, 0, 2])
})

test('keeps the trade as it was recorded', () => {
  const fields = {
    symbol: 'BINANCE:BTCUSDT',
    executedAt: time,
    price: '-0.000000001',
    volume: '61837.63',
    conditions: ['1', '12'],
    source: 'file:4f2a:17',
  }
  given([recorded(trade(fields), 41, 3)])
    .when(trades)
    .thenRow(['BINANCE:BTCUSDT', time, 3, 41], fields)
})

test.run()
