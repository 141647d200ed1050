import { concatMap, defer, finalize, from, Observable, retry, throwError, timer } from 'rxjs'
import { hasCode, isRetriable } from '../../domain/errors.ts'
import type { ReadModelStore } from '../../read-model-store/read-model-store.ts'
import { backoffMs } from '../../runtime/backoff.ts'
import type { Projection } from '../projection.ts'
import { type ReplayOptions, replay } from '../replay/replay.ts'

const askAgainMs = 2_000

/**
 * Whether a deploy asks for a replay: the code is newer than the active generation, and that
 * version has not been left by a rollback.
 */
export const wantsRebuild = async (
  store: ReadModelStore,
  { name, version }: Projection,
  activeVersion: number,
): Promise<boolean> =>
  version > activeVersion && (await store.pointer(name))?.leftVersion !== version

/** Lets one work at a time begin; who gives up while waiting lets nobody overtake. */
export type InTurn = <T>(work: Observable<T>) => Observable<T>

export function createTurns(): InTurn {
  let last: Promise<unknown> = Promise.resolve()
  return (work) =>
    defer(() => {
      const before = last
      let leave = () => {}
      const left = new Promise<void>((resolve) => {
        leave = resolve
      })
      last = before.then(() => left)
      return from(before).pipe(
        concatMap(() => work),
        finalize(leave),
      )
    })
}

/**
 * The replay that a deploy starts by itself. One process wins the lease; the others ask again until
 * the promotion ends their waiting. Unsubscribing interrupts it; whoever is next goes on with it.
 * Those of one process take turns, as each uses all processors.
 */
export const selfRebuild = (
  options: Omit<ReplayOptions, 'signal'> & Readonly<{ inTurn: InTurn }>,
): Observable<unknown> =>
  options
    .inTurn(
      new Observable((subscriber) => {
        const interruption = new AbortController()
        replay({ ...options, signal: interruption.signal }).then(
          () => subscriber.complete(),
          (error: unknown) => subscriber.error(error),
        )
        return () => interruption.abort()
      }),
    )
    .pipe(
      retry({
        delay: (error, failures) => {
          if (hasCode(error, 'LEASE_HELD')) return timer(askAgainMs)
          return isRetriable(error) ? timer(backoffMs(failures)) : throwError(() => error)
        },
        resetOnSuccess: true,
      }),
    )
