import * as assert from 'uvu/assert'
import { trackCondition } from '../../../src/ingest/connection/condition.ts'
import { suite } from '../../support/suite.ts'

const test = suite('condition of a connection')

function startTracking() {
  const clock = { ms: 100 }
  return { ...trackCondition({ source: 'finnhub', now: () => clock.ms }), clock }
}

test('is connecting until the first attempt has succeeded or failed', () => {
  const { current, opened, clock } = startTracking()
  clock.ms = 200
  assert.equal(current(), { state: 'connecting', since: 100, problem: null })
  opened()
  assert.equal(current(), { state: 'connected', since: 200, problem: null })
})

for (const [reason, problem] of [
  ['Unexpected server response: 401', "it refuses with 401: is finnhub's token right?"],
  ['Unexpected server response: 403', "it refuses with 403: is finnhub's token right?"],
  [
    'Unexpected server response: 429',
    'it answers 429: too many connections, is the token in use elsewhere?',
  ],
  ['Unexpected server response: 502', 'it answers 502: is finnhub.url right?'],
  [
    'getaddrinfo ENOTFOUND x',
    "it can't be reached: getaddrinfo ENOTFOUND x: is finnhub.url right, is the network up?",
  ],
] as const) {
  test(`a start with "${reason}" says what to do, since when`, () => {
    const { current, failed, clock } = startTracking()
    clock.ms = 200
    assert.is(failed(reason), 1)
    clock.ms = 300
    assert.is(failed(reason), 2)
    assert.equal(current(), { state: 'disconnected', since: 100, problem })
  })
}

test('a usual loss is a problem until the next connection', () => {
  const { current, failed, opened, held, clock } = startTracking()
  opened()
  held()
  clock.ms = 200
  failed('closed with code 1006')
  const problem = 'the connection was lost: closed with code 1006'
  assert.equal(current(), { state: 'disconnected', since: 200, problem })
  failed('Unexpected server response: 401')
  assert.match(current().problem ?? '', /401/)
  clock.ms = 300
  opened()
  assert.equal(current(), { state: 'connected', since: 300, problem: null })
  assert.equal(held(), { failures: 2, flapped: false })
})

test('a feed whose connections do not hold has a problem also while it is connected', () => {
  const { current, failed, opened, held, clock } = startTracking()
  opened()
  held()
  clock.ms = 200
  failed('gone')
  opened()
  failed('closed with code 1000')
  const once = "it connects, but doesn't hold: the last connection was lost: closed with code 1000"
  assert.equal(current(), { state: 'disconnected', since: 200, problem: once })
  opened()
  assert.equal(
    current(),
    { state: 'connected', since: 200, problem: null },
    'it may be an accident',
  )
  failed('silent')
  opened()
  const twice = "it connects, but doesn't hold: 2 connections were lost: silent"
  assert.equal(current(), { state: 'connected', since: 200, problem: twice })
  clock.ms = 300
  assert.equal(held(), { failures: 3, flapped: true })
  assert.equal(current(), { state: 'connected', since: 200, problem: null })
})

test.run()
