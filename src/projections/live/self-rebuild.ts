import { concatMap, defer, finalize, from, Observable, retry, throwError, timer } from 'rxjs'
import { hasCode, isRetriable } from '../../domain/errors.ts'
import type { ReadModelStore } from '../../read-model-store/read-model-store.ts'
import { backoffMs } from '../../runtime/backoff.ts'
import type { Projection } from '../projection.ts'
import { type ReplayOptions, replay } from '../replay/replay.ts'

const retryLeaseMs = 2_000

/**
 * Whether a deploy needs a replay: the code is newer than the active generation, and its version
 * was not rolled back.
 */
export const wantsRebuild = async (
  store: ReadModelStore,
  { name, version }: Projection,
  activeVersion: number,
): Promise<boolean> =>
  version > activeVersion && (await store.pointer(name))?.leftVersion !== version

/** Runs one work at a time, in order, also if one of them is unsubscribed while it waits. */
export type Enqueue = <T>(work: Observable<T>) => Observable<T>

export function createQueue(): Enqueue {
  let last: Promise<unknown> = Promise.resolve()
  return (work) =>
    defer(() => {
      const before = last
      let end = () => {}
      const ended = new Promise<void>((resolve) => {
        end = resolve
      })
      last = before.then(() => ended)
      return from(before).pipe(
        concatMap(() => work),
        finalize(end),
      )
    })
}

/**
 * The replay that a deploy starts by itself. One process gets the lease; the others retry until
 * they are unsubscribed after the promotion. Unsubscribing interrupts a replay; the next holder of
 * the lease continues it. A process runs one replay at a time, as each uses all processors.
 */
export const selfRebuild = (
  options: Omit<ReplayOptions, 'signal'> & Readonly<{ enqueue: Enqueue }>,
): Observable<unknown> =>
  options
    .enqueue(
      new Observable((subscriber) => {
        const controller = new AbortController()
        replay({ ...options, signal: controller.signal }).then(
          () => subscriber.complete(),
          (error: unknown) => subscriber.error(error),
        )
        return () => controller.abort()
      }),
    )
    .pipe(
      retry({
        delay: (error, failures) => {
          if (hasCode(error, 'LEASE_HELD')) return timer(retryLeaseMs)
          return isRetriable(error) ? timer(backoffMs(failures)) : throwError(() => error)
        },
      }),
    )
