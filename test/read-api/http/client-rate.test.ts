import * as assert from 'uvu/assert'
import { clientRate } from '../../../src/read-api/http/client-rate.ts'
import { suite } from '../../support/suite.ts'

const test = suite('rate of a client')

function rateAt(options: {
  requestsPerSecond: number
  requestsBurst: number
  clientsMax?: number
}) {
  const clock = { ms: 1_000_000 }
  return { clock, rate: clientRate({ ...options, now: () => clock.ms }) }
}

test('allows a burst up to its last request, and not one more', () => {
  const { rate } = rateAt({ requestsPerSecond: 10, requestsBurst: 5 })
  for (let nth = 1; nth <= 5; nth++) assert.is(rate.take('a'), 0, `${nth}`)
  assert.is(rate.take('a'), 100)
  assert.is(rate.take('a'), 100, 'what is refused costs nothing')
})

test('after a burst allows one more each time its share of a second has passed', () => {
  const { rate, clock } = rateAt({ requestsPerSecond: 10, requestsBurst: 5 })
  for (let nth = 1; nth <= 5; nth++) rate.take('a')
  for (let nth = 1; nth <= 20; nth++) {
    clock.ms += 99
    assert.is(rate.take('a'), 1)
    clock.ms += 1
    assert.is(rate.take('a'), 0)
  }
})

test('a pause refills the bucket, but not beyond its capacity', () => {
  const { rate, clock } = rateAt({ requestsPerSecond: 10, requestsBurst: 5 })
  for (let nth = 1; nth <= 5; nth++) rate.take('a')
  clock.ms += 3_600_000
  for (let nth = 1; nth <= 5; nth++) assert.is(rate.take('a'), 0)
  assert.is(rate.take('a'), 100)
})

test('each client has a bucket of its own', () => {
  const { rate } = rateAt({ requestsPerSecond: 10, requestsBurst: 1 })
  for (const client of ['a', 'b', '__proto__', '']) {
    assert.is(rate.take(client), 0)
    assert.is(rate.take(client), 100)
  }
})

test('a million clients take no more memory than `clientsMax`', () => {
  const { rate, clock } = rateAt({ requestsPerSecond: 10, requestsBurst: 5, clientsMax: 100 })
  for (let nth = 0; nth < 1_000_000; nth++) {
    if (nth % 1_000 === 0) clock.ms += 1
    rate.take(`client ${nth}`)
    assert.ok(rate.clients() <= 100)
  }
})

test('forgets the client with the oldest request if there are too many, not the busy ones', () => {
  const { rate, clock } = rateAt({ requestsPerSecond: 1, requestsBurst: 2, clientsMax: 3 })
  for (const client of ['a', 'b', 'c', 'a', 'd']) {
    clock.ms += 1
    assert.is(rate.take(client), 0)
  }
  assert.ok(rate.take('a') > 0, 'a has asked again since b')
  assert.is(rate.take('b'), 0)
  assert.is(rate.take('b'), 0, 'b began anew')
})

test.run()
