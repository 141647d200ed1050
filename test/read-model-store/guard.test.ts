import * as assert from 'uvu/assert'
import {
  advanceGuard,
  covers,
  formatGuard,
  lastOffset,
  parseGuard,
} from '../../src/read-model-store/guard.ts'
import { suite } from '../support/suite.ts'

const test = suite('guards')

test('a guard is read as it was written, its partitions rising', () => {
  const offsets = new Map([
    [11, 2 ** 53 - 1],
    [3, 7],
    [0, 0],
  ])
  assert.is(formatGuard(offsets), `0:0,3:7,11:${2 ** 53 - 1}`)
  assert.equal([...parseGuard(formatGuard(offsets))], [...offsets].reverse())
})

test('a row without a guard has taken nothing in', () => {
  for (const guard of [null, '']) {
    assert.is(parseGuard(guard).size, 0)
    assert.is(lastOffset(guard, 0), -1)
    assert.is(advanceGuard(guard, 2, 5), '2:5')
  }
})

test('a guard advances in one partition', () => {
  assert.is(advanceGuard('0:4,3:7', 3, 9), '0:4,3:9')
  assert.is(advanceGuard('0:4,11:7', 3, 9), '0:4,3:9,11:7')
  assert.is(lastOffset('0:4,3:9', 3), 9)
  assert.is(lastOffset('0:4,3:9', 1), -1)
})

test('a guard covers another if no partition of it is behind', () => {
  for (const other of ['', '0:4', '3:7', '0:4,3:7']) assert.ok(covers('0:4,3:7', other), other)
  for (const other of ['0:5', '1:0', '0:4,3:8', '0:0,1:0']) assert.not(covers('0:4,3:7', other))
  assert.not(covers(null, '0:0'))
})

test.run()
