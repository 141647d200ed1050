import { countFailures, isLogged } from '../runtime/backoff.ts'
import { crashPoint } from '../runtime/crash-point.ts'
import { type Appender, type AppenderOptions, createAppender } from './appender.ts'
import type { FeedCounts } from './counts.ts'
import { createEventBuffer } from './event-buffer.ts'
import type { FeedCondition, FeedSettings } from './feed.ts'
import { type Intake, type IntakeOptions, openIntake } from './intake.ts'
import { evidenceOf, mixesFeeds } from './interruptions/log-evidence.ts'

export type TermOptions = AppenderOptions &
  Pick<IntakeOptions, 'rejectLog' | 'connect' | 'uptimeMs'> &
  Readonly<{
    feeds: readonly Readonly<{ feed: FeedSettings; counts: FeedCounts }>[]
    /** No feed is read while so many wait; what has been read already comes on top. */
    bufferEventsMax: number
    appendEventsMax: number
  }>

export type Term = Readonly<{
  /** Of each feed, in their order. */
  conditions: () => readonly FeedCondition[]
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

/** The time in which this process is the one that fills the log: feeds, buffer, append. */
export function beginTerm(options: TermOptions): Term {
  const { counts, appendEventsMax, bufferEventsMax, backoff, logger } = options
  const over = new AbortController()
  const appender = createAppender(options, over.signal)
  /** A buffer that is full, half empty and full again by turns is one thing to tell. */
  const full = countFailures(backoff)
  let isPaused = false

  const setPaused = (paused: boolean) => {
    isPaused = paused
    const times = paused ? full.failed() : 0
    if (isLogged(times)) logger.warn({ bufferEventsMax, times }, 'buffer full')
    for (const intake of intakes) {
      if (paused) intake.pause()
      else intake.resume()
    }
  }
  const buffer = createEventBuffer({
    eventsMax: bufferEventsMax,
    onFull: () => setPaused(true),
    onRoom: () => setPaused(false),
  })
  const intakes = options.feeds.map((each) => openIntake({ ...options, ...each, buffer }))
  const closeFeeds = () => Promise.all(intakes.map((intake) => intake.close()))

  const run = async () => {
    try {
      await lookIntoLog(options, appender, intakes, over.signal)
      for (;;) {
        const events = await buffer.take(appendEventsMax)
        crashPoint('append:trades-taken')
        if (events.length === 0) return
        await appender.append(events)
        if (!isPaused && full.works() > 0) logger.info('buffer has room')
      }
    } finally {
      counts.dropped += buffer.clear()
      await closeFeeds()
    }
  }
  const finish = () => void closeFeeds().then(buffer.end)
  const drop = () => {
    over.abort()
    counts.dropped += buffer.clear()
    finish()
  }
  return {
    conditions: () => intakes.map((intake) => intake.condition()),
    isPaused: () => isPaused,
    buffered: () => buffer.size() + appender.inFlight(),
    finish,
    drop,
    ended: run(),
  }
}

/** What the log tells at the start of a term: whether it mixes feeds, and when each was heard. */
async function lookIntoLog(
  { eventStore, feeds, logger }: TermOptions,
  { retryUntilTaken }: Appender,
  intakes: readonly Intake[],
  over: AbortSignal,
): Promise<void> {
  for (const [i, { feed }] of feeds.entries()) {
    const { source, isRecorded } = feed
    if (await retryUntilTaken(() => mixesFeeds(eventStore, source, over))) {
      logger.warn({ source }, mixture)
    }
    if (isRecorded) continue
    intakes[i]?.heardBefore(await retryUntilTaken(() => evidenceOf(eventStore, source, over)))
  }
}

const mixture =
  'simulated and real trades in one log stay in the same candles for ever: give each a log of its own'
