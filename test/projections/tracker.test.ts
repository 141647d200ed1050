import * as assert from 'uvu/assert'
import { TradelogError } from '../../src/domain/errors.ts'
import { symbols } from '../../src/projections/read-models/symbols.ts'
import { createTracker } from '../../src/projections/tracker.ts'
import { suite } from '../support/suite.ts'

const test = suite('tracker of a projector')

const bounds = (head: number) => [{ partition: 0, start: 0, head, origin: 'log' }]
const heads = (head: number) => new Map([[0, head]])
const checkpoint = (next: number) => new Map([[0, { next, applied: next, origin: 'log' }]])

const assigned = (head: number, next: number) => {
  const tracker = createTracker(symbols)
  tracker.follows('symbols-1')
  tracker.assigned(bounds(head), checkpoint(next))
  return tracker
}

test('a projector is behind until it has what was in the log a report ago', () => {
  const tracker = assigned(100, 0)
  assert.is(tracker.status(heads(100)).state, 'catching up')
  tracker.committed(checkpoint(100))
  assert.is(tracker.status(heads(110)).state, 'caught up')
})

test('a steady flow leaves it caught up, though never at the head', () => {
  const tracker = assigned(100, 100)
  for (let head = 100; head < 1_000; head += 100) {
    tracker.committed(checkpoint(head))
    const { state, partitions } = tracker.status(heads(head + 90))
    assert.is(state, 'caught up')
    assert.is(partitions[0]?.head, head + 90)
  }
})

test('one that stands still while the log grows is behind', () => {
  const tracker = assigned(100, 100)
  tracker.status(heads(200))
  assert.is(tracker.status(heads(300)).state, 'catching up')
})

test('trouble is told with its code, and forgotten with the next commit', () => {
  const tracker = assigned(100, 100)
  tracker.retrying(new TradelogError('READ_MODEL_STORE_UNAVAILABLE', 'away'))
  assert.is(tracker.status(heads(100)).error?.code, 'READ_MODEL_STORE_UNAVAILABLE')
  assert.is(tracker.trouble().length, 1)
  tracker.committed(checkpoint(101))
  assert.is(tracker.status(heads(101)).error, null)
  assert.equal(tracker.trouble(), [])
})

test.run()
