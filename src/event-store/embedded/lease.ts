import { distinctUntilChanged, Observable } from 'rxjs'
import { type LmdbLease, takeLease } from '../../runtime/lmdb-lease.ts'
import type { EmbeddedLog } from './log.ts'

const leaseTtlMs = 3_000
const leaseRenewEveryMs = 1_000
const standByMs = 100

/**
 * Emits the named lease while this subscriber holds it, undefined while another holder does; it
 * keeps trying. Unsubscribing releases it. Unlike a lease of the read-model store it keeps no time
 * itself: its users ask `isHeld` in their transaction, or just before they emit a batch.
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

/** If it can't be written any more, as on a full disk, the lease expires by itself. */
async function release(lease: LmdbLease | undefined): Promise<void> {
  await lease?.release().catch(() => {})
}
