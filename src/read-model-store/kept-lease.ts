import type { Lease } from './read-model-store.ts'

/** What was taken, and when by the monotonic clock of this process, before the store was asked. */
export type LeaseTerms = Readonly<{ name: string; fence: number; ttlMs: number; takenAt: number }>

/** How its store renews a lease, which answers false if it is another holder's by now. */
export type LeaseCalls = Readonly<{
  renew: () => Promise<boolean>
  giveBack: () => Promise<unknown>
}>

/** The leases that one store holds. */
export type LeaseKeeper = Readonly<{
  /** Renews a lease in the background until it is released or lost. */
  keep: (terms: LeaseTerms, calls: LeaseCalls) => Lease
  /** Gives back what is still held; what can't be given back runs out by itself. */
  releaseAll: () => Promise<void>
}>

type Warn = (fields: object, message: string) => void

/** Renewals per life time: two may fail before the lease is lost. */
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

/** Counts from before each renewal was sent, so that it gives up before anybody else takes over. */
function keepLease(
  { name, fence, ttlMs, takenAt }: LeaseTerms,
  calls: LeaseCalls,
  warn: Warn,
  onEnd: () => void,
): Lease {
  let expiresAt = takenAt + ttlMs
  let over: Promise<void> | undefined

  const end = (last: Promise<unknown>) => {
    clearInterval(timer)
    onEnd()
    over = last.then(() => {})
    return over
  }
  const lose = (reason: string) => {
    if (over !== undefined) return
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
    } catch (err) {
      // It stays held until it expires: until then nobody else can have it.
      if (over === undefined) warn({ lease: name, fence, err }, 'lease not renewed')
    }
  }
  const timer = setInterval(renewOrWarn, ttlMs / renewalsPerTtl).unref()

  return {
    name,
    held: async () => {
      if (over === undefined) await renewOrWarn()
      return over === undefined && performance.now() < expiresAt
    },
    release: () => over ?? end(calls.giveBack()),
  }
}
