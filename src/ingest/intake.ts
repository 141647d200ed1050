import type { Logger } from 'pino'
import type { TradelogEvent } from '../domain/event.ts'
import type { UnixMs } from '../domain/time.ts'
import type { Backoff } from '../runtime/backoff.ts'
import type { FeedCounts } from './counts.ts'
import type { EventBuffer } from './event-buffer.ts'
import type { Feed, FeedSettings, Reject } from './feed.ts'
import { type FeedSocketOptions, openFeedSocket } from './feed-socket.ts'
import { interruptionsOf } from './interruptions.ts'
import type { Gap } from './listening.ts'
import type { RejectLog } from './reject-log.ts'

export type IntakeOptions = Readonly<{
  feed: FeedSettings
  counts: FeedCounts
  buffer: Pick<EventBuffer, 'add'>
  rejectLog: RejectLog
  /** Another way to the feed than by a socket. */
  connect?: ((options: FeedSocketOptions) => Feed) | undefined
  backoff: Backoff
  logger: Logger
  now: () => UnixMs
  random: () => number
}>

/** One feed of a term: what it sends is judged as it arrives; its trades wait in the buffer. */
export type Intake = Feed &
  Readonly<{
    /**
     * Up to when the log shows that this feed was heard before the term. Gives the interruptions
     * since then, if the feed has been heard by now; else they go into the buffer when it is, in
     * front of its trades. A kill before they are in the log loses nothing: the next term finds
     * the same beginning there.
     */
    heardBefore: (until: UnixMs | undefined) => readonly TradelogEvent[]
  }>

export function openIntake(options: IntakeOptions): Intake {
  const { feed, counts, buffer, rejectLog, connect = openFeedSocket, logger, now } = options
  let lastHeardAt: UnixMs | undefined
  let firstHeardAt: UnixMs | undefined

  /** An interruption as events, counted and logged. */
  const recordGap = (gap: Gap): readonly TradelogEvent[] => {
    const events = interruptionsOf(gap, feed)
    counts.interruptions += events.length
    logger.warn(gap, 'trades may be missing: the feed was interrupted')
    return events
  }
  const recordAbsence = (from: UnixMs | undefined, until: UnixMs | undefined) =>
    from === undefined || until === undefined || feed.isRecorded
      ? []
      : recordGap({ from: Math.min(from, until), until, reason: 'ingest not running' })
  const reject = (rejected: Reject) => {
    counts.rejected[rejected.reason] = (counts.rejected[rejected.reason] ?? 0) + 1
    rejectLog.add(rejected, now())
  }
  const onMessage = (message: Buffer): boolean => {
    const { kind, trades, rejected, error } = feed.protocol.parse(message, now())
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
  const onListening = (since: UnixMs, gap: Gap | undefined) => {
    if (firstHeardAt === undefined) {
      firstHeardAt = since
      buffer.add(recordAbsence(lastHeardAt, since))
    }
    if (gap !== undefined && !feed.isRecorded) buffer.add(recordGap(gap))
  }
  const connection = connect({
    ...options,
    ...feed,
    onMessage,
    onOversized: () => reject({ reason: 'message_too_large', sample: '' }),
    onConnected: () => counts.connections++,
    onListening,
  })
  return {
    ...connection,
    heardBefore: (until) => {
      lastHeardAt = until
      return recordAbsence(until, firstHeardAt)
    },
  }
}
