import type { Logger } from 'pino'
import {
  defer,
  distinctUntilChanged,
  EMPTY,
  finalize,
  lastValueFrom,
  Observable,
  retry,
  Subject,
  switchMap,
  takeUntil,
  tap,
  timer,
} from 'rxjs'
import { isRetriable } from '../domain/errors.ts'
import type { UnixMs } from '../domain/time.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { type Backoff, backoffMs, countFailures, isLogged } from '../runtime/backoff.ts'
import { closeOnce } from '../runtime/close-once.ts'
import { inTime } from '../runtime/in-time.ts'
import {
  type AppendCounts,
  createAppendCounts,
  createFeedCounts,
  type FeedCounts,
  sumOf,
} from './counts.ts'
import type { FeedCondition, FeedSettings } from './feed.ts'
import { openRejectLog } from './rejects/reject-log.ts'
import { beginTerm, type Term, type TermOptions } from './term.ts'

export type IngestOptions = Readonly<{
  eventStore: Pick<EventStore, 'append' | 'heads' | 'read' | 'elect'>
  feeds: readonly FeedSettings[]
  connect?: TermOptions['connect']
  /** Where the reject log is kept. */
  directory: string
  bufferEventsMax: number
  appendEventsMax: number
  backoff?: Backoff
  logger: Logger
  now?: () => UnixMs
  /** A clock that nobody sets. */
  uptimeMs?: () => number
  random?: () => number
}>

type IngestState = 'standing by' | 'active' | 'stopped'

/** A feed, what it has sent, and what is known of it now: nothing while ingest stands by. */
export type FeedStats = Readonly<FeedCounts> & FeedCondition & Readonly<{ source: string }>

/** The counts are those of all feeds together. */
export type IngestStats = Readonly<AppendCounts & FeedCounts> &
  Readonly<{
    state: IngestState
    stateSince: UnixMs
    feeds: readonly FeedStats[]
    /** Whether every feed is. */
    isConnected: boolean
    /** No feed is being read, since the buffer is full. */
    isPaused: boolean
    buffered: number
  }>

export type Ingest = Readonly<{
  stats: () => IngestStats
  /** Resolves after `stop`. Rejects when ingest can't go on: the event store refuses for good. */
  closed: Promise<void>
  /** Stops reading, and appends the buffer within the time; a second call waits for the first. */
  stop: (options: { timeoutMs: number }) => Promise<void>
}>

const usualBackoff: Backoff = { firstMs: 100, maxMs: 30_000 }

/** Fills the event store from the feeds while this process is elected; otherwise stands by. */
export function startIngest(options: IngestOptions): Ingest {
  const {
    eventStore,
    logger,
    backoff = usualBackoff,
    now = Date.now,
    uptimeMs = () => performance.now(),
    random = Math.random,
  } = options
  const counts = createAppendCounts()
  const feeds = options.feeds.map((feed) => ({ feed, counts: createFeedCounts() }))
  const rejectLog = openRejectLog(options)
  const terms = createTerms(() =>
    beginTerm({ ...options, feeds, backoff, now, uptimeMs, random, counts, rejectLog }),
  )
  const stopping$ = new Subject<void>()
  let state: IngestState = 'standing by'
  let stateSince = now()
  const failures = electionFailures({ backoff, random, logger })

  const enter = (next: IngestState) => {
    if (next !== state) stateSince = now()
    state = next
  }

  const announce = (isElected: boolean) => {
    failures.works()
    enter(isElected ? 'active' : 'standing by')
    logger.info({ state }, isElected ? 'ingest is active' : 'ingest stands by for another process')
  }
  const standAgain = (error: unknown) => {
    if (!isRetriable(error)) throw error
    enter('standing by')
    return timer(failures.waitMs(error))
  }
  const election$ = defer(() => eventStore.elect('ingest')).pipe(
    distinctUntilChanged(),
    tap(announce),
    switchMap((isElected) => (isElected ? terms.next$ : EMPTY)),
    retry({ delay: standAgain }),
    takeUntil(stopping$),
    finalize(() => enter('stopped')),
  )
  const closed = lastValueFrom(election$, { defaultValue: undefined })
  // Logged for callers that don't wait for `closed`.
  closed.catch((error: unknown) => logger.error({ err: error }, 'ingest cannot go on'))

  const stop = closeOnce(async ({ timeoutMs }: { timeoutMs: number }) => {
    await inTime(timeoutMs, terms.finish)
    // Before another process may take the files of the reject log.
    await rejectLog.close()
    stopping$.next()
    logger.info({ appended: counts.appended, dropped: counts.dropped }, 'ingest has stopped')
  })
  const stats = (): IngestStats => {
    const { conditions, ...ofTerm } = terms.stats()
    const each = feeds.map(({ feed: { source }, counts }, i) => ({
      source,
      ...counts,
      rejected: { ...counts.rejected },
      ...(conditions[i] ?? { ...notListening, since: stateSince }),
    }))
    const isConnected = each.every(isConnectedTo)
    return { ...counts, ...sumOf(each), state, stateSince, feeds: each, isConnected, ...ofTerm }
  }
  return { stats, closed, stop }
}

/** A file that has been played stays connected. */
export const isConnectedTo = ({ state }: Pick<FeedCondition, 'state'>): boolean =>
  state === 'connected' || state === 'played'

const notListening = {
  state: 'disconnected',
  problem: null,
  heardUntil: null,
  lastTradeAt: null,
  interruption: null,
} as const

type ElectionOptions = Readonly<{ backoff: Backoff; random: () => number; logger: Logger }>

function electionFailures({ backoff, random, logger }: ElectionOptions) {
  const row = countFailures(backoff)
  return {
    works: row.works,
    waitMs: (error: unknown): number => {
      // It was elected, or stood by, until now.
      row.works()
      const failures = row.failed()
      if (isLogged(failures)) {
        logger.warn({ err: error, failures }, 'ingest stands by after a failure')
      }
      return backoffMs(failures, random, backoff)
    },
  }
}

/** One term after the other: the next begins when the last has ended, whatever it waits for. */
function createTerms(begin: () => Term) {
  let current: Term | undefined
  let lastEnded: Promise<unknown> = Promise.resolve()
  let isOver = false

  /** Completes when the term has finished, errors when it fails; unsubscribing drops it. */
  const next$ = new Observable<never>((subscriber) => {
    let term: Term | undefined
    const run = async () => {
      if (subscriber.closed || isOver) return
      term = begin()
      current = term
      await term.ended
    }
    const ended = lastEnded.then(run)
    lastEnded = ended.catch(() => {})
    ended.then(
      () => subscriber.complete(),
      (error: unknown) => subscriber.error(error),
    )
    return () => term?.drop()
  })
  /** No term begins any more; resolves when the running one has appended everything. */
  const finish = () => {
    isOver = true
    current?.finish()
    return lastEnded
  }
  const stats = () => ({
    conditions: current?.conditions() ?? [],
    isPaused: current?.isPaused() ?? false,
    buffered: current?.buffered() ?? 0,
  })
  return { next$, finish, stats }
}
