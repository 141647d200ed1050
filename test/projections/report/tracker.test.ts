import * as assert from 'uvu/assert'
import { TradelogError } from '../../../src/domain/errors.ts'
import { symbols } from '../../../src/projections/read-models/symbols.ts'
import { createTracker } from '../../../src/projections/report/tracker.ts'
import { stalledAfterMs, troubleOf } from '../../../src/read-model-store/status.ts'
import { suite } from '../../support/suite.ts'
import { trade } from '../../support/trade.ts'

const test = suite('tracker of a projector')

const bounds = (head: number) => [{ partition: 0, start: 0, head, origin: 'log' }]
const heads = (head: number, readAt: number | null = null) => ({
  heads: new Map([[0, head]]),
  readAt,
})
const checkpoint = (next: number) => new Map([[0, { next, applied: next, origin: 'log' }]])

function assigned(head: number, next: number) {
  const tracker = createTracker(symbols)
  tracker.follows('symbols-1')
  tracker.assigned(bounds(head), checkpoint(next))
  return tracker
}

test('a projector is behind until it has reached the heads of the previous report', () => {
  const tracker = assigned(100, 0)
  assert.is(tracker.status(heads(100)).state, 'catching up')
  tracker.committed(checkpoint(100))
  assert.is(tracker.status(heads(110)).state, 'caught up')
})

test('under a steady flow it is caught up, though never at the head', () => {
  const tracker = assigned(100, 100)
  for (let head = 100; head < 1_000; head += 100) {
    tracker.committed(checkpoint(head))
    const { state, partitions } = tracker.status(heads(head + 90))
    assert.is(state, 'caught up')
    assert.is(partitions[0]?.head, head + 90)
  }
})

test('one that does not move while the log grows is behind', () => {
  const tracker = assigned(100, 100)
  tracker.status(heads(200))
  assert.is(tracker.status(heads(300)).state, 'catching up')
})

test('an error is reported with its code until commits have gone on for a while', () => {
  const { tracker, clock } = clocked(100, 100)
  tracker.retrying(new TradelogError('READ_MODEL_STORE_UNAVAILABLE', 'away'))
  assert.is(tracker.status(heads(100)).error?.code, 'READ_MODEL_STORE_UNAVAILABLE')
  tracker.assigned(bounds(300), checkpoint(100))
  for (clock.ms = 0; clock.ms < stalledAfterMs / 2; clock.ms += 1_000) {
    tracker.committed(checkpoint(101 + clock.ms / 1_000))
    const { state, error } = tracker.status(heads(300))
    assert.equal([state, error?.code], ['retrying', 'READ_MODEL_STORE_UNAVAILABLE'])
  }
  tracker.committed(checkpoint(150))
  const status = tracker.status(heads(300))
  assert.equal([status.state, status.error], ['catching up', null])
})

test('one that flaps between a commit and an error for hours is shown as retrying', () => {
  const { tracker, clock } = clocked(100, 50)
  for (let next = 50; clock.ms < 3 * 3_600_000; next++) {
    tracker.retrying(new TradelogError('READ_MODEL_STORE_UNAVAILABLE', 'away'))
    clock.ms += 500
    tracker.assigned(bounds(next + 1), checkpoint(next))
    tracker.committed(checkpoint(next + 1))
    const status = tracker.status(heads(next + 1))
    assert.equal([status.state, status.since], ['retrying', 0])
    if (clock.ms >= stalledAfterMs) assert.match(troubleOf(status, clock.ms) ?? '', 'away')
    clock.ms += 500
  }
})

test('one failure that is over at once is never trouble', () => {
  const { tracker, clock } = clocked(100, 100)
  tracker.retrying(new TradelogError('READ_MODEL_STORE_UNAVAILABLE', 'away'))
  tracker.assigned(bounds(100), checkpoint(100))
  for (clock.ms = 100; clock.ms < 2 * stalledAfterMs; clock.ms += 1_000) {
    assert.is(troubleOf(tracker.status(heads(100)), clock.ms), undefined)
  }
  assert.is(tracker.status(heads(100)).state, 'caught up')
})

test('one that fails repeatedly is retrying since its first failure', () => {
  const { tracker, clock } = clocked(100, 50)
  clock.ms = 1_000
  tracker.retrying(new TradelogError('READ_MODEL_STORE_FULL', 'full'))
  for (clock.ms = 2_000; clock.ms <= stalledAfterMs; clock.ms += 1_000) {
    tracker.assigned(bounds(100), checkpoint(50))
    const { state, since } = tracker.status(heads(100))
    assert.equal([state, since], ['retrying', 1_000])
    tracker.retrying(new TradelogError('READ_MODEL_STORE_FULL', 'full'))
  }
  const early = tracker.status(heads(100))
  assert.is(troubleOf(early, 1_000 + stalledAfterMs - 1), undefined)
  assert.is(troubleOf(early, 1_000 + stalledAfterMs), 'retrying: READ_MODEL_STORE_FULL: full')
})

test('partitions of another process are no fault', () => {
  const { tracker, clock } = clocked(100, 50)
  tracker.retrying(new TradelogError('CHECKPOINT_MOVED', 'another process'))
  clock.ms = 2 * stalledAfterMs
  const { state, partitions, error } = tracker.status(heads(200))
  assert.equal([state, partitions, error], ['standing by', [], null])
})

test('one that stops failing waits for partitions', () => {
  const { tracker, clock } = clocked(100, 50)
  tracker.retrying(new TradelogError('READ_MODEL_STORE_UNAVAILABLE', 'away'))
  clock.ms = 50_000
  assert.is(tracker.status(heads(200)).state, 'retrying')
  clock.ms = 70_000
  assert.is(tracker.status(heads(200)).state, 'standing by')
})

test('one that is behind and commits nothing is stalled since its last commit', () => {
  const { tracker, clock } = clocked(100, 50)
  clock.ms = 3_000
  tracker.committed(checkpoint(60))
  assert.is(tracker.status(heads(100)).state, 'catching up')
  clock.ms += stalledAfterMs - 1
  assert.is(tracker.status(heads(100)).state, 'catching up')
  clock.ms += 1
  const status = tracker.status(heads(100))
  assert.equal([status.state, status.since], ['stalled', 3_000])
  assert.match(troubleOf(status, clock.ms) ?? '', 'stalled')
  tracker.committed(checkpoint(70))
  assert.is(tracker.status(heads(100)).state, 'catching up')
})

test('one that has nothing to do is not stalled, however long', () => {
  const { tracker, clock } = clocked(100, 100)
  clock.ms = 10 * stalledAfterMs
  assert.is(tracker.status(heads(100)).state, 'caught up')
})

test('a stalled partition is detected though another one moves', () => {
  const clock = { ms: 0 }
  const tracker = createTracker(symbols, () => clock.ms)
  tracker.follows('symbols-1')
  const two = [0, 1].map((partition) => ({ partition, start: 0, head: 1_000, origin: 'log' }))
  const at = (next: number) => new Map([0, 1].map((p) => [p, p === 0 ? 0 : next] as const))
  const checkpointAt = (next: number) =>
    new Map(Array.from(at(next), ([p, n]) => [p, { next: n, applied: n, origin: 'log' }]))
  tracker.assigned(two, checkpointAt(0))
  const both = {
    heads: new Map([0, 1].map((partition) => [partition, 1_000] as const)),
    readAt: null,
  }
  for (clock.ms = 0; clock.ms < stalledAfterMs; clock.ms += 1_000) {
    tracker.committed(checkpointAt(clock.ms / 100 + 1))
    assert.is(tracker.status(both).state, 'catching up')
  }
  assert.is(tracker.status(both).state, 'stalled')
})

test('reports the record time of the oldest received event that is not applied', () => {
  const tracker = assigned(10, 5)
  const events = [5, 6, 7].map((offset) => record(offset, 1_000 + offset))
  assert.is(tracker.waitingSince(0), undefined)
  tracker.received({ partition: 0, to: 8, events })
  assert.is(tracker.waitingSince(0), 1_005)
  tracker.committed(checkpoint(7))
  assert.is(tracker.waitingSince(0), 1_007)
  tracker.committed(checkpoint(8))
  assert.is(tracker.waitingSince(0), undefined)
})

test('everything in the log at a time is applied once its head of then is reached', () => {
  const tracker = assigned(100, 40)
  assert.equal(tracker.status(heads(100, 1_000)).caughtUpAt, {})
  tracker.committed(checkpoint(99))
  assert.equal(tracker.status(heads(110, 2_000)).caughtUpAt, {})
  tracker.committed(checkpoint(115))
  assert.equal(tracker.status(heads(120, 3_000)).caughtUpAt, { 0: 2_000 })
  tracker.committed(checkpoint(120))
  assert.equal(tracker.status(heads(120, 4_000)).caughtUpAt, { 0: 4_000 })
})

test('while the log cannot be read, nothing new is known to be applied', () => {
  const tracker = assigned(100, 100)
  assert.equal(tracker.status(heads(100)).caughtUpAt, {})
  assert.equal(tracker.status(heads(100, 1_000)).caughtUpAt, { 0: 1_000 })
  const { state, caughtUpAt } = tracker.status(heads(100, 1_000))
  assert.equal([state, caughtUpAt], ['caught up', { 0: 1_000 }])
})

test('what was applied stays so after a promotion, and without the partition', () => {
  const tracker = assigned(100, 100)
  tracker.status(heads(100, 1_000))
  tracker.follows('symbols-2')
  assert.equal(tracker.status(heads(130, 2_000)).caughtUpAt, { 0: 1_000 })
  tracker.assigned(bounds(130), checkpoint(110))
  assert.equal(tracker.status(heads(130, 3_000)).caughtUpAt, { 0: 1_000 })
})

test('a database that was put back is not caught up as it was before', () => {
  const tracker = assigned(100, 100)
  tracker.status(heads(100, 1_000))
  tracker.retrying(new TradelogError('CHECKPOINT_MOVED', 'another process'))
  tracker.assigned(bounds(130), checkpoint(99))
  assert.equal(tracker.status(heads(130, 2_000)).caughtUpAt, {})
})

const record = (offset: number, recordedAt: number) => ({
  partition: 0,
  offset,
  recordedAt,
  event: trade(),
})

function clocked(head: number, next: number) {
  const clock = { ms: 0 }
  const tracker = createTracker(symbols, () => clock.ms)
  tracker.follows('symbols-1')
  tracker.assigned(bounds(head), checkpoint(next))
  return { tracker, clock }
}

test.run()
