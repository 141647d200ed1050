import { setTimeout as sleep } from 'node:timers/promises'
import { hasCode, TradelogError } from '../domain/errors.ts'
import type { EventStore } from '../event-store/event-store.ts'
import type { Lease, ReadModelStore } from '../read-model-store/read-model-store.ts'
import type { Logger } from '../runtime/logger.ts'
import { type Build, type Builder, openBuilder } from './builder.ts'
import { checkCounts } from './count-check.ts'
import { openBuild } from './generations.ts'
import { isTakenOver } from './hand-over.ts'
import type { Projection } from './projection.ts'
import { promote } from './promotion.ts'
import { createReplayProgress } from './replay-progress.ts'
import type { ReplayStatus } from './status.ts'

export type ReplayOptions = Readonly<{
  projections: readonly Projection[]
  eventStore: EventStore
  readModelStore: ReadModelStore
  batchEventsMax: number
  logger: Logger
  /** Aborting leaves the builds where they are: the next replay goes on with them. */
  signal: AbortSignal
  onProgress?: (progress: ReplayStatus) => void
}>

export type ReplayResult = Readonly<{
  model: string
  generation: string
  former: string | null
  eventsApplied: number
}>

const leaseTtlMs = 10_000
const handOverMs = 30_000
const handOverLookMs = 100

/**
 * Builds the next generation of each model beside the active one, from offset zero, checks its
 * counts and promotes it. Interrupted at any point it is simply run again: it goes on where it was.
 * Rejects with `LEASE_HELD` where another process rebuilds one of the models.
 */
export const replay = (options: ReplayOptions): Promise<readonly ReplayResult[]> =>
  withReplayLeases(options, async (assertHeld) => {
    const builds = await openBuilds(options)
    const progress = createReplayProgress({ ...options, builds })
    const builderOptions = { ...options, builds, onApplied: progress.applied }
    try {
      const builder = await openBuilder(builderOptions)
      await progress.start()
      await builder.catchUp()
      for (const { projection, generation } of builds) {
        await checkCounts(projection, generation, options.signal)
      }
      const results: ReplayResult[] = []
      for (const build of builds) {
        results.push(await promoteBuild(options, builder, build, assertHeld))
        progress.promoted(build.projection.name)
      }
      await handOver(options, builds, () => openBuilder(builderOptions))
      return results
    } catch (error) {
      progress.failed(error)
      throw error
    } finally {
      await progress.close()
    }
  })

/** Runs the work as the only process that rebuilds these models; a dead holder is replaced. */
export const withReplayLeases = async <T>(
  { projections, readModelStore }: Pick<ReplayOptions, 'projections' | 'readModelStore'>,
  work: (assertHeld: () => Promise<void>) => Promise<T>,
): Promise<T> => {
  const leases: Lease[] = []
  try {
    for (const name of projections.map((projection) => `replay:${projection.name}`)) {
      const lease = await readModelStore.lease(name, { ttlMs: leaseTtlMs })
      if (lease === undefined) throw await leaseHeld(readModelStore, name)
      leases.push(lease)
    }
    return await work(async () => {
      for (const lease of leases) {
        if (!(await lease.held())) throw await leaseHeld(readModelStore, lease.name)
      }
    })
  } finally {
    await Promise.allSettled(leases.map((lease) => lease.release()))
  }
}

const openBuilds = async ({ projections, readModelStore, eventStore }: ReplayOptions) => {
  const builds: Build[] = []
  for (const projection of projections) {
    builds.push({
      projection,
      generation: await openBuild(readModelStore, eventStore, projection),
    })
  }
  return builds
}

const promoteBuild = async (
  { readModelStore: store, logger }: ReplayOptions,
  builder: Builder,
  { projection, generation }: Build,
  assertHeld: () => Promise<void>,
): Promise<ReplayResult> => {
  const checkpoint = () => builder.checkpoint(projection.name)
  const former = await promote({
    store,
    generation,
    catchUp: builder.catchUp,
    checkpoint,
    assertHeld,
  })
  const { model, id } = generation.info
  logger.info({ model, generation: id, former }, `${model}: promoted ${id}`)
  const applied = Array.from(checkpoint().values(), (of) => of.applied)
  builder.release(model)
  return { model, generation: id, former, eventsApplied: applied.reduce((a, b) => a + b, 0) }
}

/**
 * Keeps the promoted generations up to date until the running projectors have taken over every
 * partition. From then on `CHECKPOINT_MOVED` is the sign that they write.
 */
const handOver = async (
  { readModelStore, eventStore, signal }: ReplayOptions,
  builds: readonly Build[],
  reopen: () => Promise<Builder>,
): Promise<void> => {
  const end = Date.now() + handOverMs
  const partitions = (await eventStore.heads()).length
  for (const { generation } of builds) {
    while (!(await isTakenOver(readModelStore, generation.info.id, partitions))) {
      if (Date.now() > end || signal.aborted) return
      try {
        await (await reopen()).catchUp()
      } catch (error) {
        if (!hasCode(error, 'CHECKPOINT_MOVED')) throw error
      }
      await sleep(handOverLookMs)
    }
  }
}

const leaseHeld = async (store: ReadModelStore, name: string) => {
  const holder = (await store.leaseHolder(name)) ?? 'another process'
  return new TradelogError('LEASE_HELD', `${name} is held by ${holder}`, {
    fields: { name, holder },
  })
}
