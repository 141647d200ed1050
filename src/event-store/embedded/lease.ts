import { distinctUntilChanged, Observable } from 'rxjs'
import { type LmdbLease, takeLease } from '../../runtime/lmdb-lease.ts'
import type { EmbeddedLog } from './log.ts'

const leaseTtlMs = 3_000
const leaseRenewEveryMs = 1_000
const standByMs = 100

/**
 * The named lease while this subscriber has it, undefined while somebody else does; it is tried
 * again and again. Unsubscribing releases it. Unlike a lease of the read-model store it has no time
 * of its own: whoever acts on it asks `isHeld` in the transaction, or just before a batch is given.
 */
export const holdLease = (
  { leases, track }: EmbeddedLog,
  name: string,
): Observable<LmdbLease | undefined> =>
  new Observable<LmdbLease | undefined>((subscriber) => {
    let lease: LmdbLease | undefined
    let timer: NodeJS.Timeout | undefined
    const step = async () => {
      if (lease === undefined) lease = await takeLease(leases, name, { ttlMs: leaseTtlMs })
      else if (!(await lease.renew())) lease = undefined
      if (subscriber.closed) return release(lease)
      timer = setTimeout(run, lease === undefined ? standByMs : leaseRenewEveryMs)
      subscriber.next(lease)
    }
    const run = () => void track(step()).catch((error) => subscriber.error(error))
    run()
    return () => {
      clearTimeout(timer)
      void track(release(lease))
    }
  }).pipe(distinctUntilChanged())

/** Where it can't be written any more, as on a full disk, the lease runs out by itself. */
async function release(lease: LmdbLease | undefined): Promise<void> {
  await lease?.release().catch(() => {})
}
