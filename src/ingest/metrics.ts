import type { UnixMs } from '../domain/time.ts'
import type { Metrics } from '../runtime/metrics.ts'
import type { IngestStats } from './ingestor.ts'

/** Every metric of ingest. `docs/operations.md` says what they mean to an operator. */
export const declareIngestMetrics = (metrics: Metrics) => ({
  ...declareFeedMetrics(metrics),
  ...declareAppendMetrics(metrics),
})

const declareFeedMetrics = ({ counter, gauge }: Metrics) => ({
  messages: counter({
    name: 'tradelog_ingest_messages_total',
    help: 'Messages received from the feed.',
  }),
  feedErrors: counter({
    name: 'tradelog_ingest_feed_errors_total',
    help: 'Messages by which the feed reports an error.',
  }),
  received: counter({
    name: 'tradelog_ingest_trades_received_total',
    help: 'Trades taken from messages.',
  }),
  rejected: counter({
    name: 'tradelog_ingest_rejected_total',
    help: 'Trades and messages that cannot be taken, by reason.',
    labelNames: ['reason'],
  }),
  paused: gauge({
    name: 'tradelog_ingest_feed_paused',
    help: '1 while the feed has to wait, as the buffer is full.',
  }),
  connected: gauge({
    name: 'tradelog_ingest_feed_connected',
    help: '1 while every feed is connected; 0 also while ingest stands by.',
  }),
  reconnects: counter({
    name: 'tradelog_ingest_feed_reconnects_total',
    help: 'Connections to the feed after the first.',
  }),
})

const declareAppendMetrics = ({ counter, gauge }: Metrics) => ({
  interruptions: counter({
    name: 'tradelog_ingest_interruptions_total',
    help: 'Events that say that an interruption of a symbol begins or ends.',
  }),
  appended: counter({
    name: 'tradelog_ingest_events_appended_total',
    help: 'Events that are durable in the log: trades and interruptions.',
  }),
  passedOver: counter({
    name: 'tradelog_ingest_events_passed_over_total',
    help: 'Rows of a file that the log had already.',
  }),
  dropped: counter({
    name: 'tradelog_ingest_events_dropped_total',
    help: 'Events not appended, since another process took over or the time to stop was up.',
  }),
  appends: counter({
    name: 'tradelog_ingest_appends_total',
    help: 'Appends to the log that succeeded.',
  }),
  appendSeconds: counter({
    name: 'tradelog_ingest_append_seconds_total',
    help: 'Time that appends took, failed attempts and the waits between them included.',
  }),
  appendFailures: counter({
    name: 'tradelog_ingest_append_failures_total',
    help: 'Attempts of an append that failed; each is repeated.',
  }),
  appendAge: gauge({
    name: 'tradelog_ingest_append_age_seconds',
    help: 'For how long the append in flight has been tried; 0 between appends.',
  }),
  buffer: gauge({
    name: 'tradelog_ingest_buffer_events',
    help: 'Events that are received and not in the log yet.',
  }),
  bufferMax: gauge({
    name: 'tradelog_ingest_buffer_events_max',
    help: 'Events in the buffer from which on the feed has to wait.',
  }),
  active: gauge({
    name: 'tradelog_ingest_active',
    help: '1 if this process is the one that fills the log, 0 while it stands by.',
  }),
})

type Watched = Readonly<{
  stats: () => IngestStats
  bufferEventsMax: number
  now?: () => UnixMs
}>

/** Ingest counts for itself, message by message: the counts are only read when they are scraped. */
export function watchIngest(
  metrics: Metrics,
  { stats, bufferEventsMax, now = Date.now }: Watched,
): void {
  const declared = declareIngestMetrics(metrics)
  declared.bufferMax.set(bufferEventsMax)
  metrics.beforeScrape(() => {
    const current = stats()
    for (const [counter, value] of countersOf(declared, current)) {
      counter.reset()
      counter.inc(value)
    }
    declared.rejected.reset()
    for (const [reason, count] of Object.entries(current.rejected)) {
      declared.rejected.inc({ reason }, count)
    }
    const { appendingSince: since } = current
    declared.appendAge.set(since === null ? 0 : Math.max(0, now() - since) / 1_000)
    declared.buffer.set(current.buffered)
    declared.paused.set(current.isPaused ? 1 : 0)
    declared.connected.set(current.isConnected ? 1 : 0)
    declared.active.set(current.state === 'active' ? 1 : 0)
  })
}

const countersOf = (declared: ReturnType<typeof declareIngestMetrics>, now: IngestStats) =>
  [
    [declared.messages, now.messages],
    [declared.feedErrors, now.feedErrors],
    [declared.received, now.received],
    [declared.interruptions, now.interruptions],
    [declared.appended, now.appended],
    [declared.passedOver, now.passedOver],
    [declared.dropped, now.dropped],
    [declared.appends, now.appends],
    [declared.appendSeconds, now.appendMs / 1_000],
    [declared.appendFailures, now.appendFailures],
    [
      declared.reconnects,
      now.feeds.reduce((sum, { connections }) => sum + Math.max(0, connections - 1), 0),
    ],
  ] as const
