import { TradelogError } from '../domain/errors.ts'
import type { Lease, ReadModelStore } from '../read-model-store/read-model-store.ts'
import { crashPoint } from '../runtime/crash-point.ts'
import type { Projection } from './projection.ts'

const ttlMs = 10_000

/**
 * Runs the work as the only process that rebuilds these models. Rejects with `LEASE_HELD`, naming
 * the holder, if another process holds a lease; the lease of a dead process expires. `assertHeld`
 * rejects the same way once a lease is lost.
 */
export async function withReplayLeases<T>(
  store: ReadModelStore,
  projections: readonly Projection[],
  work: (assertHeld: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const leases: Lease[] = []
  try {
    for (const { name } of projections) {
      const lease = await store.lease(leaseName(name), { ttlMs })
      crashPoint('replay:lease-taken')
      if (lease === undefined) throw await leaseHeld(store, leaseName(name))
      leases.push(lease)
    }
    return await work(async () => {
      for (const lease of leases) {
        if (!(await lease.held())) throw await leaseHeld(store, lease.name)
      }
    })
  } finally {
    await Promise.allSettled(leases.map((lease) => lease.release()))
    crashPoint('replay:lease-released')
  }
}

const leaseName = (model: string) => `replay:${model}`

async function leaseHeld(store: ReadModelStore, name: string) {
  const holder = (await store.leaseHolder(name)) ?? 'another process'
  const message = `the lease ${name} is held by ${holder}; wait for it to end, or stop it`
  return new TradelogError('LEASE_HELD', message, { fields: { name, holder } })
}
