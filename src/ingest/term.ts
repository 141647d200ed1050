import type { TradelogEvent } from '../domain/event.ts'
import type { UnixMs } from '../domain/time.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { crashPoint } from '../runtime/crash-point.ts'
import { type AppendingOptions, appendFresh, insist, timed } from './appending.ts'
import { createEventBuffer, type EventBuffer } from './event-buffer.ts'
import { type FinnhubFeed, type FinnhubFeedOptions, openFinnhubFeed } from './finnhub-feed.ts'
import { type MessageContext, parseMessage, type Reject } from './finnhub-message.ts'
import { heardUntil, interruptionsOf } from './interruptions.ts'
import type { Gap } from './listening.ts'
import { mixesFeeds } from './mixed-feeds.ts'
import { createRecordedRows } from './recorded-rows.ts'
import type { RejectLog } from './reject-log.ts'

export type FeedSettings = Readonly<{
  url: string
  token?: string | undefined
  symbols: readonly string[]
  pingEveryMs: number
  source: MessageContext['source']
}>

export type TermOptions = AppendingOptions & FeedOptions

type FeedOptions = Readonly<{
  eventStore: Pick<EventStore, 'heads' | 'read'>
  feed: FeedSettings
  /** Another way to the feed than by a socket. */
  connect?: (options: FinnhubFeedOptions) => FinnhubFeed
  /** The socket isn't read while so many wait; what it had read already comes on top. */
  bufferEventsMax: number
  appendEventsMax: number
  rejectLog: RejectLog
}>

export type Term = Readonly<{
  isConnected: () => boolean
  disconnectedSince: () => UnixMs | null
  isPaused: () => boolean
  /** Events that are not in the log yet. */
  buffered: () => number
  /** Stops reading and appends what is buffered. */
  finish: () => void
  /** Stops at once: what is buffered is dropped. */
  drop: () => void
  /** Rejects when the log refuses this process, or for good. */
  ended: Promise<void>
}>

/** The time in which this process is the one that fills the log: feed, buffer, append. */
export function beginTerm(options: TermOptions): Term {
  const { eventStore, counts, appendEventsMax, bufferEventsMax } = options
  const over = new AbortController()
  const rows = createRecordedRows(eventStore, over.signal)
  let isPaused = false
  let inFlight = 0

  const setPaused = (paused: boolean) => {
    isPaused = paused
    options.logger.warn({ paused, bufferEventsMax }, paused ? 'buffer full' : 'buffer has room')
    if (paused) feed.pause()
    else feed.resume()
  }
  const buffer = createEventBuffer({
    eventsMax: bufferEventsMax,
    onFull: () => setPaused(true),
    onRoom: () => setPaused(false),
  })
  const { hear, listeningSince } = firstHeard()
  const feed = openFeed(options, buffer, hear)

  const leave = (fresh: number) => {
    counts.passedOver += inFlight - fresh
    inFlight = fresh
  }
  const appendNext = async (events: readonly TradelogEvent[]) => {
    inFlight = events.length
    await appendFresh(options, over.signal, rows, events, leave)
    crashPoint('append:counted')
    counts.appended += inFlight
    inFlight = 0
  }
  const run = async () => {
    try {
      await warnOfMixture(options, over.signal)
      const absence = await absenceBefore(options, over.signal, listeningSince)
      const append = timed(options, appendNext)
      if (absence.length > 0) await append(absence)
      for (;;) {
        const events = await buffer.take(appendEventsMax)
        crashPoint('append:trades-taken')
        if (events.length === 0) return
        await append(events)
      }
    } finally {
      counts.dropped += inFlight + buffer.clear()
      inFlight = 0
      await feed.close()
    }
  }
  const finish = () => {
    hear(undefined)
    void feed.close().then(buffer.end)
  }
  const drop = () => {
    over.abort()
    counts.dropped += buffer.clear()
    finish()
  }
  return {
    isConnected: () => feed.disconnectedSince() === null,
    disconnectedSince: feed.disconnectedSince,
    isPaused: () => isPaused,
    buffered: () => buffer.size() + inFlight,
    finish,
    drop,
    ended: run(),
  }
}

/** When the feed was first listened to; undefined where that never came. */
function firstHeard() {
  let hear: (since: UnixMs | undefined) => void = () => {}
  const listeningSince = new Promise<UnixMs | undefined>((resolve) => {
    hear = resolve
  })
  return { hear, listeningSince }
}

async function warnOfMixture(options: TermOptions, over: AbortSignal): Promise<void> {
  const { eventStore, feed, logger } = options
  if (!(await insist(options, over, () => mixesFeeds(eventStore, feed.source, over)))) return
  logger.warn(
    { source: feed.source },
    'simulated and real trades in one log stay in the same candles for ever: give each a log of its own',
  )
}

/**
 * The interruptions of the time before this term, in which no ingest heard the feed: from what the
 * log shows to the first connection. None in a log that has nothing of the feed, nor of a file, which
 * is played to nobody else meanwhile. A kill before they are in the log loses nothing: the next term
 * finds the same beginning there.
 */
async function absenceBefore(
  options: TermOptions,
  over: AbortSignal,
  listeningSince: Promise<UnixMs | undefined>,
): Promise<readonly TradelogEvent[]> {
  const { eventStore, feed } = options
  if (feed.source === 'file') return []
  const from = await insist(options, over, () => heardUntil(eventStore, feed.source, over))
  const until = await listeningSince
  if (from === undefined || until === undefined) return []
  return told(options, { from: Math.min(from, until), until, reason: 'ingest not running' })
}

/** A gap as events, counted and logged. */
function told({ feed, counts, logger }: TermOptions, gap: Gap): readonly TradelogEvent[] {
  const events = interruptionsOf(gap, feed)
  counts.interruptions += events.length
  logger.warn(gap, 'trades may be missing: the feed was interrupted')
  return events
}

/** Every message is judged as it arrives; its trades wait in the buffer. */
function openFeed(
  options: TermOptions,
  buffer: EventBuffer,
  hear: (since: UnixMs) => void,
): FinnhubFeed {
  const { feed, connect = openFinnhubFeed, counts, logger, now } = options
  const reject = (rejected: Reject) => {
    counts.rejected[rejected.reason] = (counts.rejected[rejected.reason] ?? 0) + 1
    options.rejectLog.add(rejected, now())
  }
  const onMessage = (message: Buffer): boolean => {
    const { kind, trades, rejected, error } = parseMessage(message, { now: now(), ...feed })
    counts.messages++
    counts.received += trades.length
    rejected.forEach(reject)
    if (kind === 'error') {
      counts.feedErrors++
      logger.warn({ error }, 'feed reports an error')
    }
    if (trades.length > 0) buffer.add(trades)
    return kind === 'ping' || trades.length > 0
  }
  return connect({
    ...feed,
    backoff: options.backoff,
    onMessage,
    onOversized: () => reject({ reason: 'message_too_large', sample: '' }),
    onConnected: () => counts.connections++,
    onListening: (since, gap) => {
      hear(since)
      if (gap !== undefined && feed.source !== 'file') buffer.add(told(options, gap))
    },
    logger,
    now,
    random: options.random,
  })
}
