import type { Logger } from 'pino'
import type { UnixMs } from '../domain/time.ts'
import type { TradeExecuted } from '../domain/trade-executed.ts'
import type { Backoff } from '../runtime/backoff.ts'
import { feedAddress } from './connection/address.ts'
import {
  type FeedSocketOptions,
  lastingPingPeriods,
  openFeedSocket,
} from './connection/feed-socket.ts'
import type { FeedCounts } from './counts.ts'
import type { EventBuffer } from './event-buffer.ts'
import type { Feed, FeedCondition, FeedSettings, Reject } from './feed.ts'
import { type FeedErrors, trackFeedErrors } from './feed-errors.ts'
import type { LogEvidence } from './interruptions/log-evidence.ts'
import { type InterruptionRecorder, recordInterruptions } from './interruptions/recorder.ts'
import { type Play, trackPlay } from './play.ts'
import { type Refusals, trackRefusals } from './refusals.ts'
import type { RejectLog } from './rejects/reject-log.ts'
import { refusal } from './trade-check.ts'

export type IntakeOptions = Readonly<{
  feed: FeedSettings
  counts: FeedCounts
  buffer: Pick<EventBuffer, 'add' | 'addFirst' | 'pendingSince'>
  rejectLog: RejectLog
  /** Another way to the feed than by a socket. */
  connect?: ((options: FeedSocketOptions) => Feed) | undefined
  backoff: Backoff
  logger: Logger
  now: () => UnixMs
  /** A clock that nobody sets. */
  uptimeMs: () => number
  random: () => number
}>

/** One feed of a term: what it sends is judged as it arrives; its trades wait in the buffer. */
export type Intake = Feed &
  Readonly<{
    /** Takes what the log tells of the time before the term, which may be an interruption. */
    heardBefore: (evidence: LogEvidence) => void
  }>

export function openIntake(options: IntakeOptions): Intake {
  const { feed, counts, buffer, connect = openFeedSocket } = options
  const observers = observersOf(options)
  const { interruptions, errors, play } = observers
  const { onMessage, onPing, onOversized, lastTradeAt } = judge(
    options,
    observers,
    () => connection.condition().heardUntil,
  )
  const connection = connect({
    ...options,
    ...feed,
    onMessage,
    onPing,
    onOversized,
    onConnected: () => {
      counts.connections++
      errors.connected()
      play?.begins()
    },
    onListening: (since) => interruptions?.listening(since),
    onHeld: (since) => {
      errors.held()
      interruptions?.held(since)
    },
    onLost: (loss) => interruptions?.lost(loss),
  })
  /** Before the first word the log tells until when the feed was heard. */
  const heardUntil = (heard: UnixMs | null) => {
    if (interruptions?.isKnown() !== true) return null
    const until = heard ?? interruptions.latest()?.from ?? null
    return until ? Math.min(until, buffer.pendingSince() ?? until) : null
  }
  return {
    ...connection,
    condition: () => {
      const ofConnection = connection.condition()
      return {
        ...withProblems(ofConnection, observers),
        heardUntil: heardUntil(ofConnection.heardUntil),
        lastTradeAt: lastTradeAt(),
        interruption: interruptions?.latest() ?? null,
      }
    },
    heardBefore: (evidence) => interruptions?.heardBefore(evidence),
  }
}

/** Who makes what of the things that a feed sends. */
type Observers = Readonly<{
  refusals: Refusals
  errors: FeedErrors
  /** Of a live feed. */
  interruptions: InterruptionRecorder | undefined
  /** Of a recorded one. */
  play: Play | undefined
}>

function observersOf(options: IntakeOptions): Observers {
  const { source, isRecorded, protocol } = options.feed
  const { redact } = feedAddress(source, protocol.url)
  const ofFeed = { ...options, source, lastingMs: lastingPingPeriods * protocol.pingEveryMs }
  const refusals = trackRefusals(ofFeed)
  return {
    refusals,
    errors: trackFeedErrors({ ...ofFeed, redact }),
    interruptions: isRecorded ? undefined : recordInterruptions(ofFeed),
    play: isRecorded ? trackPlay({ ...ofFeed, refusals }) : undefined,
  }
}

/** Takes trades from messages, and tells the observers of the rest. */
function judge(
  { feed, counts, buffer, rejectLog, now }: IntakeOptions,
  { refusals, errors, interruptions, play }: Observers,
  heardUntil: () => UnixMs | null,
) {
  let lastTradeAt: UnixMs | null = null

  const reject = (rejected: Reject, at: UnixMs) => {
    counts.rejected[rejected.reason] = (counts.rejected[rejected.reason] ?? 0) + 1
    rejectLog.add(rejected, { source: feed.source, at })
    refusals.refused(rejected)
    interruptions?.refused(rejected, { at, heardUntil: heardUntil() })
  }
  const take = (trades: readonly TradeExecuted[], at: UnixMs) => {
    if (trades.length === 0) return
    counts.received += trades.length
    lastTradeAt = at
    play?.taken(trades.length)
    buffer.add(trades, at)
  }
  const works = () => {
    // A row of a file that was refused is missing for ever.
    if (feed.isRecorded) return
    refusals.works()
    interruptions?.works()
  }
  const onMessage = (message: Buffer): boolean => {
    const at = now()
    const { kind, trades, rejected, error } = feed.protocol.parse(message, at)
    counts.messages++
    // In front of the trades that came with it: a kill in between must not hide the interruption.
    for (const each of rejected) reject(each, at)
    take(trades, at)
    if (kind === 'error') {
      counts.feedErrors++
      errors.said(error)
    }
    if (kind === 'end') play?.ended()
    const isGood = kind === 'ping' || kind === 'end' || trades.length > 0
    if (isGood) works()
    return isGood
  }
  const onOversized = () => reject({ ...refusal('message_too_large'), text: '' }, now())
  return { onMessage, onPing: works, onOversized, lastTradeAt: () => lastTradeAt }
}

type Known = Pick<FeedCondition, 'state' | 'since' | 'problem'>

/** The problem of the connection, and what is wrong with that which the feed sends. */
function withProblems(
  { state, since, problem }: Known,
  { errors, refusals, play }: Observers,
): Known {
  const playedAt = state === 'connected' ? (play?.endedAt() ?? null) : null
  const known = playedAt === null ? { state, since } : { state: 'played' as const, since: playedAt }
  // What a file lacks is a problem when all of it has come.
  const refused = play === undefined || playedAt !== null ? refusals.current() : null
  const others = [errors.current(), refused].filter((each) => each !== null)
  const problems = [...(problem === null ? [] : [problem]), ...others.map((each) => each.problem)]
  if (problems.length === 0) return { ...known, problem: null }
  const sinces =
    problem === null && playedAt === null ? others.map((each) => each.since) : [known.since]
  return { ...known, since: Math.min(...sinces), problem: problems.join('; ') }
}
