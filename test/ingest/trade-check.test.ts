import * as assert from 'uvu/assert'
import { checkTrade, jsonObjectOf } from '../../src/ingest/trade-check.ts'
import { suite } from '../support/suite.ts'

const test = suite('trade check')

const now = 1_763_645_583_544
const good = { symbol: 'X:1', price: '1', volume: '2', executedAt: now, conditions: ['m'] }
const check = (change: object) => checkTrade({ ...good, ...change }, { source: 'x', now })
const refused = (reason: string) => ({ reason, symbol: 'X:1', executedAt: now })

test('takes decimal text as it is, to the digit', () => {
  assert.equal(check({ price: '61837.63000000', volume: '0.00000000172' }), {
    type: 'TradeExecuted',
    version: 1,
    symbol: 'X:1',
    price: '61837.63000000',
    volume: '0.00000000172',
    executedAt: now,
    conditions: ['m'],
    source: 'x',
  })
})

for (const text of ['', '1e5', '+1', '1.', '.5', ' 1', '0x10', '01', 'NaN']) {
  test(`refuses "${text}" as a price and as a volume`, () => {
    assert.equal(check({ price: text }), refused('invalid_price'))
    assert.equal(check({ volume: text }), refused('invalid_volume'))
  })
}

test('refuses decimal text of more than 100 digits by name', () => {
  const long = `0.${'1'.repeat(99)}`
  assert.is(Reflect.get(check({ price: `-${long}`, volume: long }), 'volume'), long)
  assert.equal(check({ price: `${long}0` }), refused('price_too_long'))
  assert.equal(check({ volume: `${long}1` }), refused('volume_too_long'))
})

test('refuses a volume below zero, as a number or as text', () => {
  assert.equal(check({ volume: -1 }), refused('invalid_volume'))
  assert.equal(check({ volume: '-0.5' }), refused('invalid_volume'))
})

test('a message is a JSON object, or is rejected as it came', () => {
  assert.equal(jsonObjectOf(Buffer.from('{"a":1}')), { object: { a: 1 } })
  assert.equal(jsonObjectOf(Buffer.from('[1]')), {
    rejected: { reason: 'message_not_an_object', text: '[1]', symbol: null, executedAt: null },
  })
})

test.run()
