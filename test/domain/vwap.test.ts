import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  add,
  compare,
  type Decimal,
  formatDecimal,
  fractionDigitsOf,
  multiply,
  parseDecimal,
  zero,
} from '../../src/domain/decimal.ts'
import { vwapOf } from '../../src/domain/vwap.ts'
import { suite } from '../support/suite.ts'

const test = suite('VWAP')

type Traded = Readonly<{ price: string; volume: string }>

function vwapOfTrades(trades: readonly Traded[]): string | null {
  let [notional, volume, priceDigits]: [Decimal, Decimal, number] = [zero, zero, 0]
  for (const trade of trades) {
    const traded = parseDecimal(trade.volume)
    volume = add(volume, traded)
    notional = add(notional, multiply(parseDecimal(trade.price), traded))
    priceDigits = Math.max(priceDigits, fractionDigitsOf(trade.price))
  }
  return vwapOf(notional, volume, priceDigits)
}

const two = (a: string, b: string, volumeOfB = '1') =>
  vwapOfTrades([
    { price: a, volume: '1' },
    { price: b, volume: volumeOfB },
  ])

test('of tiny prices it is not 0', () => {
  assert.is(two('0.00000000172', '0.00000000172'), '0.00000000172')
  assert.is(two('0.00000000172', '0.00000000173', '2'), '0.00000000172666667')
})

test('has eight fractional digits, and six more than its prices', () => {
  assert.is(two('1', '2', '2'), '1.66666667')
  assert.is(two('1.01', '2', '2'), '1.67')
  assert.is(two('1.001', '2', '2'), '1.667')
  assert.is(two('1.001', '1.002', '2'), '1.001666667')
  assert.is(two('1.00100000', '1.00200000', '2'), '1.001666667')
  assert.is(two('0', '0.00001', '2'), '0.00000666667')
})

test('is rounded half to even, and null without volume', () => {
  assert.is(vwapOf(parseDecimal('0.00000001'), parseDecimal('2'), 0), '0')
  assert.is(vwapOf(parseDecimal('0.00000003'), parseDecimal('2'), 2), '0.00000002')
  assert.is(vwapOf(parseDecimal('1'), parseDecimal('0.00'), 2), null)
})

const decimals = (min: bigint) =>
  fc
    .record({ units: fc.bigInt({ min, max: 10n ** 22n }), scale: fc.nat(20) })
    .map(({ units, scale }) => formatDecimal({ units, scale }))

test('is never below the lowest price nor above the highest', () => {
  const prices = decimals(-(10n ** 22n))
  const trades = fc.array(fc.record({ price: prices, volume: decimals(1n) }), { minLength: 1 })
  fc.assert(
    fc.property(trades, (some) => {
      const vwap = parseDecimal(vwapOfTrades(some) ?? '')
      const sorted = some.map(({ price }) => parseDecimal(price)).sort(compare)
      assert.ok(compare(sorted[0] ?? zero, vwap) <= 0, JSON.stringify(some))
      assert.ok(compare(vwap, sorted.at(-1) ?? zero) <= 0, JSON.stringify(some))
    }),
    { numRuns: 1000 },
  )
})

test.run()
