import { join } from 'node:path'
import { TradelogError } from '../../domain/errors.ts'
import type { UnixMs } from '../../domain/time.ts'
import { closeOnce } from '../../runtime/close-once.ts'
import { crashPoint } from '../../runtime/crash-point.ts'
import { leaseHolder, takeLease } from '../../runtime/lmdb-lease.ts'
import { createLeaseKeeper, type LeaseKeeper } from '../kept-lease.ts'
import { type ReadModelStore, skipId } from '../read-model-store.ts'
import { type Catalogue, openCatalogue } from './catalogue.ts'
import { type Gate, openGate, storeError } from './gate.ts'
import { openGenerations } from './generations.ts'

/** A status is deleted when its writer has been silent for this long. */
const statusKeptMs = 24 * 60 * 60 * 1000

/**
 * Read models in a directory that several processes may use at once: `catalogue/` is one LMDB
 * environment, each generation another in a folder of its id. Rows and checkpoint are written in
 * one transaction. Not for network file systems.
 */
export async function openEmbeddedReadModelStore({
  directory,
  now = Date.now,
}: {
  directory: string
  now?: () => UnixMs
}): Promise<ReadModelStore> {
  const catalogue = await openOrReject(directory)
  const refusal = () => (close.hasBegun() ? storeClosed() : undefined)
  const gate = openGate(directory, refusal)
  const options = { directory, catalogue, gate, refusal, now }
  const { closeOpened, ...generations } = openGenerations(options)
  const keeper = createLeaseKeeper()
  const close = closeOnce(async () => {
    await gate.drained()
    await keeper.releaseAll()
    await closeOpened()
    await catalogue.close()
  })
  return {
    ...generations,
    ...pointersOf(catalogue, gate),
    ...leasesOf(catalogue, gate, keeper),
    ...skipsOf(catalogue, gate),
    ...statusesOf(catalogue, gate, now),
    close,
  }
}

async function openOrReject(directory: string): Promise<Catalogue> {
  try {
    return openCatalogue(join(directory, 'catalogue'))
  } catch (error) {
    throw await storeError(directory, error)
  }
}

const pointersOf = (
  { pointers, exclusively }: Catalogue,
  gate: Gate,
): Pick<ReadModelStore, 'pointer' | 'promote'> => ({
  pointer: (model) => gate.enter(() => pointers.get(model)),
  promote: (pointer, expected) =>
    gate.enter(() =>
      exclusively(() => {
        if ((pointers.get(pointer.model)?.active ?? null) !== expected) return false
        pointers.put(pointer.model, pointer)
        crashPoint('promotion:pointer-put')
        return true
      }),
    ),
})

const leasesOf = (
  { leases }: Catalogue,
  gate: Gate,
  keeper: LeaseKeeper,
): Pick<ReadModelStore, 'lease' | 'leaseHolder'> => ({
  lease: (name, { ttlMs }) =>
    gate.enter(async () => {
      const takenAt = performance.now()
      const lease = await takeLease(leases, name, { ttlMs })
      if (lease === undefined) return undefined
      return keeper.keep({ name, fence: lease.fence, ttlMs, takenAt }, lease)
    }),
  leaseHolder: (name) => gate.enter(() => leaseHolder(leases, name)),
})

const skipsOf = (
  { skips, exclusively }: Catalogue,
  gate: Gate,
): Pick<ReadModelStore, 'skips' | 'addSkip' | 'removeSkip'> => ({
  skips: (model) =>
    gate.enter(() =>
      [...skips.getRange({})]
        .map(({ value }) => value)
        .filter((skip) => model === undefined || skip.model === model)
        .sort((a, b) => a.at - b.at),
    ),
  addSkip: (skip) =>
    gate.enter(() =>
      exclusively(() => {
        if (skips.get(skipId(skip)) !== undefined) return false
        skips.put(skipId(skip), skip)
        crashPoint('skip:put')
        return true
      }),
    ),
  removeSkip: (skip) =>
    gate.enter(() =>
      exclusively(() => {
        if (skips.get(skipId(skip)) === undefined) return false
        skips.remove(skipId(skip))
        crashPoint('skip:taken-out')
        return true
      }),
    ),
})

/**
 * Written without a transaction, which only this thread could end: if the process exits while the
 * write waits for one that hangs, the transaction would stay open and keep all others out.
 */
const statusesOf = (
  { statuses }: Catalogue,
  gate: Gate,
  now: () => UnixMs,
): Pick<ReadModelStore, 'writeStatus' | 'statuses'> => ({
  writeStatus: (source, status) =>
    gate.enter(async () => {
      const writtenAt = now()
      const rows = [...statuses.getRange({})]
      const silent = rows.filter(({ value }) => value.writtenAt < writtenAt - statusKeptMs)
      await Promise.all([
        ...silent.map(({ key }) => statuses.remove(key)),
        statuses.put(source, { writtenAt, status }),
      ])
    }),
  statuses: () =>
    gate.enter(() =>
      [...statuses.getRange({})]
        .map(({ key, value }) => ({ source: key, ...value }))
        .sort((a, b) => b.writtenAt - a.writtenAt),
    ),
})

const storeClosed = () =>
  new TradelogError('READ_MODEL_STORE_CLOSED', 'the read-model store is closed')
