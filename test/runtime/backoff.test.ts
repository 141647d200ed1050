import * as assert from 'uvu/assert'
import { backoffMs } from '../../src/runtime/backoff.ts'
import { suite } from '../support/suite.ts'

const test = suite('backoff')
const backoff = { firstMs: 100, maxMs: 5_000 }
const longest = () => 1

test('doubles with every failure, up to its limit', () => {
  const delays = [1, 2, 3, 6, 7, 1_000_000].map((n) => backoffMs(n, longest, backoff))
  assert.equal(delays, [100, 200, 400, 3_200, 5_000, 5_000])
})

test('goes from 50 ms to 10 s by default', () => {
  assert.is(backoffMs(1, longest), 50)
  assert.is(backoffMs(1_000_000, longest), 10_000)
})

test('is shortened at random, to no less than half', () => {
  assert.is(
    backoffMs(1, () => 0.5, backoff),
    75,
  )
  assert.is(
    backoffMs(1, () => 0, backoff),
    50,
  )
})

test.run()
