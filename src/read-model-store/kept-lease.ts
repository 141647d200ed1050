import { countFailures, isLogged } from '../runtime/backoff.ts'
import type { Lease } from './read-model-store.ts'

/** What was taken; `takenAt` is the monotonic time of this process before it asked the store. */
type LeaseTerms = Readonly<{ name: string; fence: number; ttlMs: number; takenAt: number }>

/** The store's calls; `renew` answers false if another holder has the lease by now. */
export type LeaseCalls = Readonly<{
  renew: () => Promise<boolean>
  release: () => Promise<unknown>
}>

/** The leases that one store holds. */
export type LeaseKeeper = Readonly<{
  /** Renews a lease in the background until it is released or lost. */
  keep: (terms: LeaseTerms, calls: LeaseCalls) => Lease
  /** Releases what is still held; a lease that can't be released expires by itself. */
  releaseAll: () => Promise<void>
}>

type Warn = (fields: object, message: string) => void

/** Renewals per time to live: two may fail before the lease is lost. */
const renewalsPerTtl = 3

export function createLeaseKeeper(warn: Warn = () => {}): LeaseKeeper {
  const held = new Set<Lease>()
  return {
    keep: (terms, calls) => {
      const lease = keepLease(terms, calls, warn, () => held.delete(lease))
      held.add(lease)
      return lease
    },
    releaseAll: async () => {
      for (const released of await Promise.allSettled([...held].map((lease) => lease.release()))) {
        if (released.status === 'rejected') warn({ err: released.reason }, 'lease not released')
      }
    },
  }
}

/** Counts from before each renewal is sent, so that it stops before another holder takes over. */
function keepLease(
  { name, fence, ttlMs, takenAt }: LeaseTerms,
  calls: LeaseCalls,
  warn: Warn,
  onEnd: () => void,
): Lease {
  let expiresAt = takenAt + ttlMs
  let ended: Promise<void> | undefined
  const row = countFailures()

  const end = (last: Promise<unknown>) => {
    clearInterval(timer)
    onEnd()
    ended = last.then(() => {})
    return ended
  }
  const lose = (reason: string) => {
    if (ended !== undefined) return
    warn({ lease: name, fence }, `lease lost: ${reason}`)
    void end(Promise.resolve())
  }
  const renew = async () => {
    const sentAt = performance.now()
    if (sentAt >= expiresAt) return lose('it could not be renewed in time')
    if (await calls.renew()) expiresAt = Math.max(expiresAt, sentAt + ttlMs)
    else lose('another process has it')
  }
  const renewOrWarn = async () => {
    try {
      await renew()
      row.works()
    } catch (err) {
      // It stays held until it expires: no other holder can take it before.
      const failures = row.failed()
      if (ended === undefined && isLogged(failures)) {
        warn({ lease: name, fence, err, failures }, 'lease not renewed')
      }
    }
  }
  const timer = setInterval(renewOrWarn, ttlMs / renewalsPerTtl).unref()

  return {
    name,
    held: async () => {
      if (ended === undefined) await renewOrWarn()
      return ended === undefined && performance.now() < expiresAt
    },
    release: () => ended ?? end(calls.release()),
  }
}
