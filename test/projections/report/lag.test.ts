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
const checkpoint = (next: number) => new Map([[0, { next, applied: next, origin: 'o' }]])

/** A log of which the event at each offset was recorded so many seconds ago. */
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

test('is zero where everything is applied, and where the rest is newer than the last look', async () => {
  const tracker = trackerAt(10, 10)
  const { log, reads } = logOf(10, () => 100)
  const lagSeconds = createLagClock(log, tracker)
  assert.is((await lagSeconds(tracker.status(new Map([[0, 10]])))).get(0), 0)
  assert.is((await lagSeconds(tracker.status(new Map([[0, 12]])))).get(0), 0)
  assert.equal(reads, [])
})

test('is the age of the oldest event at hand that is not applied', async () => {
  const tracker = trackerAt(10, 4)
  const { log, reads } = logOf(10, () => 0)
  const lagSeconds = createLagClock(log, tracker)
  const events = [record(4, 90_000), record(5, 30_000)]
  tracker.received({ partition: 0, to: 6, events })
  isAbout((await lagSeconds(tracker.status(new Map([[0, 10]])))).get(0), 90)
  tracker.committed(checkpoint(5))
  isAbout((await lagSeconds(tracker.status(new Map([[0, 10]])))).get(0), 30)
  assert.equal(reads, [])
})

test('asks the log, once a position, where nothing is at hand', async () => {
  const tracker = trackerAt(10, 4)
  const { log, reads } = logOf(10, (offset) => 100 - 10 * offset)
  const lagSeconds = createLagClock(log, tracker)
  const look = async () => (await lagSeconds(tracker.status(new Map([[0, 10]])))).get(0)
  await look()
  isAbout(await look(), 60)
  isAbout(await look(), 60)
  tracker.committed(checkpoint(7))
  isAbout(await look(), 30)
  tracker.committed(checkpoint(10))
  assert.is(await look(), 0)
  assert.equal(reads, [4, 7])
})

test('is not known, and keeps nobody waiting, while the log is away', async () => {
  const tracker = trackerAt(10, 4)
  const gone = { heads: () => Promise.reject(new Error('away')), read: logOf(10, () => 0).log.read }
  const hangs = { ...gone, read: () => neverYields() }
  for (const log of [hangs, { ...gone, read: () => fails() }]) {
    const lagSeconds = createLagClock(log, tracker)
    const look = async () => (await lagSeconds(tracker.status(new Map([[0, 10]])))).get(0)
    await look()
    assert.is(await look(), 0)
  }
})

test('keeps the heads as last known, and since when, while the log is away', async () => {
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
  assert.is(asked, 1, 'a log that hangs is asked once')
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
