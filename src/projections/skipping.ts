import { defer, filter, NEVER, type Observable, repeat, retry, take, timer } from 'rxjs'
import type { ReadModelStore, Skip } from '../read-model-store/read-model-store.ts'
import { backoffMs } from '../runtime/backoff.ts'
import { stoppedAt } from './stop.ts'

const lookEveryMs = 1_000

/** Emits once the event at which a model stopped is skipped; never where an error names none. */
export function untilSkipped(
  store: Pick<ReadModelStore, 'skips'>,
  error: unknown,
): Observable<readonly Skip[]> {
  const at = stoppedAt(error)
  if (at === undefined) return NEVER
  const { partition, offset, origin } = at
  const isIt = (skip: Skip) =>
    skip.partition === partition && skip.offset === offset && skip.origin === origin
  return defer(() => store.skips(at.model)).pipe(
    repeat({ delay: lookEveryMs }),
    retry({ delay: (_, failures) => timer(backoffMs(failures)), resetOnSuccess: true }),
    filter((skips) => skips.some(isIt)),
    take(1),
  )
}
