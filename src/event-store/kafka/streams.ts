import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { defer, type Observable, Subject, takeUntil, throwError } from 'rxjs'
import { closedError } from './errors.ts'

/** The live streams of one store: they complete when it closes. */
export type Streams = Readonly<{
  /** A closed store errors the stream instead. */
  untilClosed: <T>(stream: Observable<T>) => Observable<T>
  /** Leaving a group takes longer than unsubscribing: closing waits for it, up to 2 s. */
  onLeaving: (left: Promise<void>) => void
  close: () => Promise<void>
}>

/**
 * A join that is under way ends when every member has joined: with one that hangs, as late as its
 * session is over. Closing doesn't wait for that; the broker takes our place back by itself.
 */
const leaveMsMax = 2_000

export function openStreams(logger: Logger): Streams {
  const closed$ = new Subject<void>()
  const leaving = new Set<Promise<void>>()
  let isClosed = false
  return {
    untilClosed: (stream) =>
      defer(() => (isClosed ? throwError(closedError) : stream)).pipe(takeUntil(closed$)),
    onLeaving: (left) => {
      const settled = left
        .catch((err: unknown) => logger.warn({ err }, 'a consumer group was left by force'))
        .finally(() => leaving.delete(settled))
      leaving.add(settled)
    },
    close: async () => {
      isClosed = true
      closed$.next()
      const timer = new AbortController()
      const limit = sleep(leaveMsMax, undefined, { signal: timer.signal }).catch(() => {})
      await Promise.race([Promise.all(leaving), limit])
      timer.abort()
      if (leaving.size > 0) logger.warn({ groups: leaving.size }, 'groups were left by force')
    },
  }
}
