import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { decodeEvent, encodeEvent, eventKey } from '../../src/domain/event.ts'
import { suite } from '../support/suite.ts'
import { interruption, trade } from '../support/trade.ts'

const test = suite('event')

const decoded = (fields: object) => decodeEvent({ ...trade(), ...fields })

test('what is encoded is decoded to the same event', () => {
  fc.assert(
    fc.property(
      fc.record({
        symbol: fc.string({ unit: 'grapheme', minLength: 1 }),
        executedAt: fc.maxSafeNat(),
        price: fc.constantFrom('-0.5', '196.38', '0', `1${'0'.repeat(308)}`),
        conditions: fc.array(fc.string()),
      }),
      (fields) => {
        const event = trade(fields)
        assert.equal(decodeEvent(JSON.parse(encodeEvent(event))), event)
      },
    ),
  )
})

test('an event is encoded as the documented JSON', () => {
  assert.is(
    encodeEvent(trade({ price: '196.38', volume: '265', conditions: ['1', '12'] })),
    '{"type":"TradeExecuted","version":1,"symbol":"AAPL","price":"196.38","volume":"265",' +
      '"executedAt":1763645583544,"conditions":["1","12"],"source":"simulated"}',
  )
})

test('an interruption is encoded as the documented JSON, and decoded to itself', () => {
  const event = interruption({ from: 1, until: 2 })
  assert.is(
    encodeEvent(event),
    '{"type":"FeedInterrupted","version":2,"symbol":"AAPL","from":1,"until":2,' +
      '"reason":"disconnected","source":"simulated"}',
  )
  assert.equal(decodeEvent(JSON.parse(encodeEvent(event))), event)
})

test('an interruption without an end yet is an event; version 1 always had an end', () => {
  const open = interruption({ from: 1, until: null })
  assert.equal(decodeEvent(JSON.parse(encodeEvent(open))), open)
  const closed = interruption({ from: 1, until: 2 })
  assert.equal(decodeEvent({ ...closed, version: 1 }), closed)
  assert.equal(decodeEvent({ ...open, version: 1 }), {
    type: 'Unreadable',
    reason: 'FeedInterrupted of version 1',
  })
})

test('a malformed field makes an interruption unreadable', () => {
  const malformed = [
    { symbol: 7 },
    { from: '1' },
    { from: -1 },
    { until: 1.5 },
    { from: 2, until: 1 },
    { reason: undefined },
    { source: null },
  ]
  for (const fields of malformed) {
    const event = decodeEvent({ ...interruption(), ...fields })
    assert.equal(event, {
      type: 'Unreadable',
      reason: 'FeedInterrupted with a malformed field',
    })
  }
})

test('the key of an event is its symbol', () => {
  assert.is(eventKey(trade({ symbol: 'KRAKEN:XBT/USD' })), 'KRAKEN:XBT/USD')
  assert.is(eventKey(interruption({ symbol: 'AMD' })), 'AMD')
})

test('an unknown type or version is unreadable, and says which', () => {
  const reasonOf = (fields: object) => {
    const event = decoded(fields)
    return event.type === 'Unreadable' ? event.reason : 'readable'
  }
  assert.is(reasonOf({ type: 'TradeCancelled' }), 'unknown type "TradeCancelled"')
  assert.is(reasonOf({ type: undefined }), 'unknown type undefined')
  assert.is(reasonOf({ type: '__proto__' }), 'unknown type "__proto__"')
  assert.is(reasonOf({ version: 2 }), 'TradeExecuted of version 2')
  assert.is(reasonOf({ version: '1' }), 'TradeExecuted of version "1"')
  assert.ok(reasonOf({ type: 'x'.repeat(1000) }).length < 100)
})

test('a malformed field makes a trade unreadable', () => {
  const malformed = [
    { symbol: 7 },
    { price: 196.38 },
    { price: '1e3' },
    { price: null },
    { volume: '' },
    { volume: '.5' },
    { executedAt: '1763645583544' },
    { executedAt: 1.5 },
    { executedAt: -1 },
    { executedAt: 2 ** 53 },
    { conditions: null },
    { conditions: '1' },
    { conditions: ['1', 12] },
    { source: undefined },
  ]
  for (const fields of malformed) {
    assert.is(decoded(fields).type, 'Unreadable', JSON.stringify(fields))
  }
})

test('what is no object is unreadable', () => {
  for (const value of [null, undefined, 7, 'TradeExecuted', true, []]) {
    assert.is(decodeEvent(value).type, 'Unreadable', String(value))
  }
})

test.run()
