import { type LeaseTable, takeLease } from '../../runtime/lmdb.ts'
import type { Lease } from '../read-model-store.ts'

/** Renewals per life time: two may fail before the lease is lost. */
const renewalsPerTtl = 3

/**
 * Takes a lease and renews it in the background until it is released or lost; `onEnd` is called
 * once then. Undefined where somebody else holds it.
 */
export async function holdLease(
  table: LeaseTable,
  name: string,
  { ttlMs, onEnd }: { ttlMs: number; onEnd: () => void },
): Promise<Lease | undefined> {
  let heldUntil = Date.now() + ttlMs
  const lease = await takeLease(table, name, { ttlMs })
  if (lease === undefined) return undefined

  const end = () => {
    heldUntil = 0
    clearInterval(timer)
    onEnd()
  }
  const renew = async () => {
    const until = Date.now() + ttlMs
    const renewed = Date.now() < heldUntil && (await lease.renew())
    if (heldUntil === 0) return
    if (renewed) heldUntil = until
    else end()
  }
  const timer = setInterval(() => {
    // The next turn tries again; when none gets through in time, `held` says so.
    renew().catch(() => {})
  }, ttlMs / renewalsPerTtl).unref()
  const isHeld = () => Date.now() < heldUntil && lease.isHeld()
  return {
    name,
    held: async () => isHeld(),
    release: async () => {
      if (heldUntil === 0) return
      end()
      await lease.release()
    },
  }
}
