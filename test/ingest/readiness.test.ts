import * as assert from 'uvu/assert'
import { createAppendCounts, createFeedCounts } from '../../src/ingest/counts.ts'
import type { FeedStats, IngestStats } from '../../src/ingest/ingestor.ts'
import { watchIngest } from '../../src/ingest/metrics.ts'
import { ingestReadiness } from '../../src/ingest/readiness.ts'
import { createMetrics } from '../../src/runtime/metrics.ts'
import { scrape } from '../support/scrape.ts'
import { suite } from '../support/suite.ts'

const test = suite('readiness and metrics of ingest')
const now = Date.UTC(2026, 0, 1)
const iso = (ms: number) => new Date(ms).toISOString()

type Given = Partial<IngestStats> & Readonly<{ feed?: Partial<FeedStats> }>

const feedWith = (stats: Partial<FeedStats>): FeedStats => ({
  source: 'simulated',
  state: 'connected',
  since: now - 60_000,
  problem: null,
  heardUntil: null,
  lastTradeAt: null,
  interruption: null,
  ...createFeedCounts(),
  ...stats,
})

/** Of an ingest with one feed, unless they are given. */
const statsWith = ({ feed = {}, ...stats }: Given): IngestStats => ({
  ...createAppendCounts(),
  ...createFeedCounts(),
  state: 'active',
  stateSince: now - 60_000,
  feeds: [feedWith({ connections: stats.connections ?? 0, ...feed })],
  isConnected: true,
  isPaused: false,
  buffered: 0,
  ...stats,
})

const lostAt = (since: number) => ({ state: 'disconnected', since }) as const

const reasonsOf = (stats: Given) =>
  ingestReadiness(
    () => statsWith(stats),
    () => now,
  )()

test('ready while the feed is connected, and where another process is the active one', async () => {
  assert.equal(await reasonsOf({}), [])
  assert.equal(await reasonsOf({ state: 'standing by', feed: lostAt(now - 1) }), [])
})

test('not ready without the feed, since it went away', async () => {
  const [reason, ...others] = await reasonsOf({ feed: lostAt(now - 5_000) })
  assert.equal(reason, { part: 'feed', message: 'is not connected', since: iso(now - 5_000) })
  assert.equal(others, [])
})

test('of several feeds, names each that is not connected', async () => {
  const lost = { source: 'other', ...lostAt(now - 5_000) }
  const reasons = await reasonsOf({ feeds: [feedWith({}), feedWith(lost)] })
  assert.equal(reasons, [
    { part: 'feed other', message: 'is not connected', since: iso(now - 5_000) },
  ])
})

test('not ready while the event store takes nothing, failing or hanging', async () => {
  assert.equal(await reasonsOf({ appendingSince: now - 9_000 }), [])
  const [reason] = await reasonsOf({ appendingSince: now - 11_000 })
  const since = iso(now - 11_000)
  assert.equal(reason, { part: 'event store', message: 'takes no events', since })
})

test('not ready once it has stopped for good', async () => {
  const [reason] = await reasonsOf({ state: 'stopped', feed: lostAt(now - 1) })
  assert.equal(reason, { part: 'ingest', message: 'has stopped', since: iso(now - 60_000) })
})

test('shows at each scrape what ingest has counted by then', async () => {
  const metrics = createMetrics()
  let stats = statsWith({ received: 10, appended: 8, buffered: 2, connections: 1 })
  watchIngest(metrics, { stats: () => stats, bufferEventsMax: 50, now: () => now })
  const before = await scrape(metrics)
  assert.is(before('tradelog_ingest_trades_received_total'), 10)
  assert.is(before('tradelog_ingest_buffer_events'), 2)
  assert.is(before('tradelog_ingest_buffer_events_max'), 50)
  assert.is(before('tradelog_ingest_feed_reconnects_total'), 0)
  assert.is(before('tradelog_ingest_active'), 1)
  assert.is(before('tradelog_ingest_append_age_seconds'), 0)
  stats = statsWith({
    received: 12,
    appended: 12,
    rejected: { invalid_price: 3 },
    connections: 3,
    appendMs: 1_500,
    appendingSince: now - 2_500,
    state: 'standing by',
    isConnected: false,
    isPaused: true,
  })
  const after = await scrape(metrics)
  assert.is(after('tradelog_ingest_trades_received_total'), 12)
  assert.is(after('tradelog_ingest_events_appended_total'), 12)
  assert.is(after('tradelog_ingest_rejected_total{reason="invalid_price"}'), 3)
  assert.is(after('tradelog_ingest_feed_reconnects_total'), 2)
  assert.is(after('tradelog_ingest_append_seconds_total'), 1.5)
  assert.is(after('tradelog_ingest_append_age_seconds'), 2.5)
  assert.is(after('tradelog_ingest_buffer_events'), 0)
  assert.is(after('tradelog_ingest_feed_connected'), 0)
  assert.is(after('tradelog_ingest_feed_paused'), 1)
  assert.is(after('tradelog_ingest_active'), 0)
})

test.run()
