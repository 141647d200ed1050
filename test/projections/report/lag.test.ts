import * as assert from 'uvu/assert'
import type { EventStore, PartitionBounds } from '../../../src/event-store/event-store.ts'
import { symbols } from '../../../src/projections/read-models/symbols.ts'
import { createLagClock, watchHeads } from '../../../src/projections/report/lag.ts'
import { createTracker } from '../../../src/projections/report/tracker.ts'
import { suite } from '../../support/suite.ts'
import { trade } from '../../support/trade.ts'

const test = suite('lag behind the log')

const record = (offset: number, agoMs: number) => ({
  partition: 0,
  offset,
  recordedAt: Date.now() - agoMs,
  event: trade(),
})
const bounds = (head: number): PartitionBounds[] => [{ partition: 0, start: 0, head, origin: 'o' }]
const heads = (head: number) => ({ heads: new Map([[0, head]]), readAt: null })
const checkpoint = (next: number) => new Map([[0, { next, applied: next, origin: 'o' }]])

/** A log in which the event at each offset was recorded so many seconds ago. */
function logOf(head: number, agoSeconds: (offset: number) => number) {
  const reads: number[] = []
  const log: Pick<EventStore, 'heads' | 'read'> = {
    heads: async () => bounds(head),
    read: async function* ({ from, to }) {
      reads.push(from)
      const events = [record(from, agoSeconds(from) * 1_000)]
      yield { partition: 0, from, to: Math.min(to, from + 1), events }
    },
  }
  return { log, reads }
}

function trackerAt(head: number, next: number) {
  const tracker = createTracker(symbols)
  tracker.follows('symbols-1')
  tracker.assigned(bounds(head), checkpoint(next))
  return tracker
}

const isAbout = (seconds: number | undefined, expected: number) =>
  assert.ok(Math.abs((seconds ?? Number.NaN) - expected) < 5, `${seconds} is not ${expected}`)

test('is zero if every event of the previous report is applied', async () => {
  const tracker = trackerAt(10, 10)
  const { log, reads } = logOf(10, () => 100)
  const lagSeconds = createLagClock(log, tracker)
  assert.is((await lagSeconds(tracker.status(heads(10)))).get(0), 0)
  assert.is((await lagSeconds(tracker.status(heads(12)))).get(0), 0)
  assert.equal(reads, [])
})

test('is the age of the oldest received event that is not applied', async () => {
  const tracker = trackerAt(10, 4)
  const { log, reads } = logOf(10, () => 0)
  const lagSeconds = createLagClock(log, tracker)
  const events = [record(4, 90_000), record(5, 30_000)]
  tracker.received({ partition: 0, to: 6, events })
  isAbout((await lagSeconds(tracker.status(heads(10)))).get(0), 90)
  tracker.committed(checkpoint(5))
  isAbout((await lagSeconds(tracker.status(heads(10)))).get(0), 30)
  assert.equal(reads, [])
})

test('reads the log, once per position, if no event is received', async () => {
  const tracker = trackerAt(10, 4)
  const { log, reads } = logOf(10, (offset) => 100 - 10 * offset)
  const lagSeconds = createLagClock(log, tracker)
  const lag = async () => (await lagSeconds(tracker.status(heads(10)))).get(0)
  await lag()
  isAbout(await lag(), 60)
  isAbout(await lag(), 60)
  tracker.committed(checkpoint(7))
  isAbout(await lag(), 30)
  tracker.committed(checkpoint(10))
  assert.is(await lag(), 0)
  assert.equal(reads, [4, 7])
})

test('is unknown while the log is unavailable, and does not wait for it', async () => {
  const tracker = trackerAt(10, 4)
  const gone = { heads: () => Promise.reject(new Error('away')), read: logOf(10, () => 0).log.read }
  const hangs = { ...gone, read: () => neverYields() }
  for (const log of [hangs, { ...gone, read: () => fails() }]) {
    const lagSeconds = createLagClock(log, tracker)
    const lag = async () => (await lagSeconds(tracker.status(heads(10)))).get(0)
    await lag()
    assert.is(await lag(), 0)
  }
})

test('keeps the last known heads and their time while the log is unavailable', async () => {
  let answer = () => Promise.resolve(bounds(7))
  const { log } = logOf(7, () => 0)
  const heads = watchHeads({ ...log, heads: () => answer() })
  assert.is(heads.readAt(), null)
  assert.is((await heads.heads()).get(0), 7)
  const readAt = heads.readAt()
  answer = () => Promise.reject(new Error('away'))
  assert.is((await heads.heads()).get(0), 7)
  let asked = 0
  answer = () => {
    asked += 1
    return new Promise(() => {})
  }
  for (let i = 0; i < 3; i++) assert.is((await heads.heads()).get(0), 7)
  assert.is(asked, 1, 'a log that hangs is read once')
  assert.is(heads.readAt(), readAt)
})

async function* neverYields() {
  await new Promise(() => {})
}

// biome-ignore lint/correctness/useYield: it is about a log that fails.
async function* fails() {
  throw new Error('away')
}

test.run()
