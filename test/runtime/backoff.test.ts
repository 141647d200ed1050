import * as assert from 'uvu/assert'
import { backoffMs, countFailures } from '../../src/runtime/backoff.ts'
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

function failuresAt() {
  const clock = { ms: 0 }
  const failures = countFailures({ lastingMs: 1_000, now: () => clock.ms })
  return { ...failures, clock }
}

test('failures are counted on through successes that do not last, for hours', () => {
  const { failed, works, since, clock } = failuresAt()
  clock.ms = 5
  for (let n = 1; n <= 1_000; n++) {
    assert.is(failed(), n)
    clock.ms += 10_000
    for (let sign = 0; sign < 10; sign++, clock.ms += 100) assert.is(works(), 0)
  }
  assert.is(since(), 5)
})

test('failures are forgotten once the signs of success have lasted', () => {
  const { failed, works, since, clock } = failuresAt()
  failed()
  failed()
  assert.is(works(), 0)
  clock.ms = 999
  assert.is(works(), 0)
  assert.is(since(), 0)
  clock.ms = 1_000
  assert.is(works(), 2)
  assert.is(works(), 0)
  assert.is(since(), undefined)
  assert.is(failed(), 1)
})

test('silence after a success is no sign that it lasts', () => {
  const { failed, works, clock } = failuresAt()
  failed()
  works()
  clock.ms = 1_000_000
  assert.is(failed(), 2)
})

test.run()
