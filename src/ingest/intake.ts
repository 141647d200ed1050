import type { Logger } from 'pino'
import type { TradelogEvent } from '../domain/event.ts'
import type { UnixMs } from '../domain/time.ts'
import type { Backoff } from '../runtime/backoff.ts'
import { type FeedSocketOptions, openFeedSocket } from './connection/feed-socket.ts'
import type { Interruption } from './connection/listening.ts'
import type { FeedCounts } from './counts.ts'
import type { EventBuffer } from './event-buffer.ts'
import type { Feed, FeedSettings, Reject } from './feed.ts'
import { interruptionsOf } from './interruptions.ts'
import type { RejectLog } from './rejects/reject-log.ts'
import { refusal } from './trade-check.ts'

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
     * Takes the time until which the log shows this feed was heard before the term. Answers the
     * interruptions since then if the feed has been heard by now. Otherwise they go into the buffer
     * as soon as it is, in front of its trades. A kill before they are in the log loses nothing:
     * the next term finds the same time there.
     */
    heardBefore: (until: UnixMs | undefined) => readonly TradelogEvent[]
  }>

export function openIntake(options: IntakeOptions): Intake {
  const { feed, counts, buffer, rejectLog, connect = openFeedSocket, logger, now } = options
  const { source } = feed
  let lastHeardAt: UnixMs | undefined
  let firstHeardAt: UnixMs | undefined

  /** An interruption as events, counted and logged. */
  const recordInterruption = (interruption: Interruption): readonly TradelogEvent[] => {
    const events = interruptionsOf(interruption, feed)
    counts.interruptions += events.length
    logger.warn({ source, ...interruption }, 'trades may be missing: the feed was interrupted')
    return events
  }
  const recordAbsence = (from: UnixMs | undefined, until: UnixMs | undefined) =>
    from === undefined || until === undefined || feed.isRecorded
      ? []
      : recordInterruption({ from: Math.min(from, until), until, reason: 'ingest not running' })
  const reject = (rejected: Reject) => {
    counts.rejected[rejected.reason] = (counts.rejected[rejected.reason] ?? 0) + 1
    rejectLog.add(rejected, { source, at: now() })
  }
  const onMessage = (message: Buffer): boolean => {
    const { kind, trades, rejected, error } = feed.protocol.parse(message, now())
    counts.messages++
    counts.received += trades.length
    rejected.forEach(reject)
    if (kind === 'error') {
      counts.feedErrors++
      logger.warn({ source, error }, 'feed reports an error')
    }
    if (trades.length > 0) buffer.add(trades)
    return kind === 'ping' || trades.length > 0
  }
  const onListening = (since: UnixMs, interruption: Interruption | undefined) => {
    if (firstHeardAt === undefined) {
      firstHeardAt = since
      buffer.add(recordAbsence(lastHeardAt, since))
    }
    if (interruption !== undefined && !feed.isRecorded) {
      buffer.add(recordInterruption(interruption))
    }
  }
  const connection = connect({
    ...options,
    ...feed,
    onMessage,
    onOversized: () => reject({ ...refusal('message_too_large'), text: '' }),
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
