import type { Logger } from 'pino'
import { defer, type Observable, Subject, takeUntil, throwError } from 'rxjs'
import { closedError } from './kafka-errors.ts'

/** The live streams of one store: they complete when it closes. */
export type Streams = Readonly<{
  /** A closed store errors the stream instead. */
  untilClosed: <T>(stream: Observable<T>) => Observable<T>
  /** Leaving a group takes longer than unsubscribing: closing waits for it. */
  onLeaving: (left: Promise<void>) => void
  close: () => Promise<void>
}>

export const openStreams = (logger: Logger): Streams => {
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
      await Promise.all(leaving)
    },
  }
}
