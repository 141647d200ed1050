import { symbols } from '../../../src/projections/read-models/symbols.ts'
import { given } from '../../support/given.ts'
import { suite } from '../../support/suite.ts'
import { recorded, trade } from '../../support/trade.ts'

const test = suite('symbols')
const time = 1_763_645_583_544

test('counts each symbol apart, for any name', () => {
  given([trade(), trade({ symbol: '__proto__' }), trade(), trade({ symbol: 'AAPL.X' })])
    .when(symbols)
    .thenKeys(['AAPL'], ['AAPL.X'], ['__proto__'])
    .thenRow(['AAPL'], { symbol: 'AAPL', tradeCount: 2 })
    .thenRow(['__proto__'], { symbol: '__proto__', tradeCount: 1 })
})

test('a late trade counts but does not change the time of the last one', () => {
  given([trade({ executedAt: time }), trade({ executedAt: time - 60_000 })])
    .when(symbols)
    .thenRow(['AAPL'], { tradeCount: 2, lastTradeAt: time })
})

test('counts the trades of a symbol in several partitions', () => {
  given([recorded(trade(), 7, 1), recorded(trade(), 7, 0), recorded(trade(), 8, 1)])
    .when(symbols)
    .thenRow(['AAPL'], { tradeCount: 3 })
})

test.run()
