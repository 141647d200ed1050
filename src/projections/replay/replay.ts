import type { EventStore } from '../../event-store/event-store.ts'
import type { ReadModelStore } from '../../read-model-store/read-model-store.ts'
import type { ReplayStatus } from '../../read-model-store/status.ts'
import { crashPoint } from '../../runtime/crash-point.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Projection } from '../projection.ts'
import { withReplayLeases } from '../replay-lease.ts'
import { openBuild } from './build-generation.ts'
import { type Build, type Builder, type FoldInThreads, openBuilder } from './builder.ts'
import { checkCounts } from './count-check.ts'
import { handOver } from './hand-over.ts'
import { createReplayProgress } from './progress.ts'
import { promote } from './promotion.ts'

export type ReplayOptions = Readonly<{
  projections: readonly Projection[]
  eventStore: EventStore
  readModelStore: ReadModelStore
  batchEventsMax: number
  logger: Logger
  /** Aborting keeps the builds: the next replay continues them. */
  signal: AbortSignal
  onProgress?: (progress: ReplayStatus) => void
  foldInThreads?: FoldInThreads | undefined
}>

export type ReplayResult = Readonly<{
  model: string
  generation: string
  former: string | null
  eventsApplied: number
}>

/**
 * Builds the next generation of each model beside the active one, from offset zero, checks its
 * counts and promotes it. If interrupted at any point, run it again: it continues from there.
 * Rejects with `LEASE_HELD` if another process rebuilds one of the models.
 */
export const replay = (options: ReplayOptions): Promise<readonly ReplayResult[]> =>
  withReplayLeases(options.readModelStore, options.projections, async (assertHeld) => {
    const builds: Build[] = []
    for (const projection of options.projections) {
      const { readModelStore, eventStore } = options
      const generation = await openBuild(readModelStore, eventStore, projection, assertHeld)
      crashPoint('replay:opened')
      builds.push({ projection, generation })
    }
    return buildAndPromote(options, builds, assertHeld)
  })

/** Brings builds to the head, checks and promotes them, and hands them over to the projectors. */
export async function buildAndPromote(
  options: ReplayOptions,
  builds: readonly Build[],
  assertHeld: () => Promise<void>,
  leftVersions: ReadonlyMap<string, number> = new Map(),
): Promise<readonly ReplayResult[]> {
  const progress = createReplayProgress({ ...options, builds })
  const builderOptions = { ...options, builds, onApplied: progress.read }
  try {
    const builder = await openBuilder(builderOptions)
    crashPoint('replay:ready')
    await progress.start()
    crashPoint('replay:started')
    await builder.catchUp()
    crashPoint('replay:caught-up')
    for (const { projection, generation } of builds) {
      await checkCounts(projection, generation, options.signal)
      crashPoint('replay:counted')
    }
    const results: ReplayResult[] = []
    for (const build of builds) {
      const leftVersion = leftVersions.get(build.projection.name) ?? null
      results.push(await promoteBuild(options, builder, build, assertHeld, leftVersion))
      progress.promoted(build.projection.name)
    }
    await handOver(builderOptions, options.readModelStore)
    crashPoint('replay:handed-over')
    return results
  } catch (error) {
    progress.failed(error)
    throw error
  } finally {
    await progress.close()
    crashPoint('replay:reported')
  }
}

async function promoteBuild(
  { readModelStore: store, logger }: ReplayOptions,
  builder: Builder,
  { projection, generation }: Build,
  assertHeld: () => Promise<void>,
  leftVersion: number | null,
): Promise<ReplayResult> {
  const { model, id } = generation.info
  const checkpoint = () => builder.checkpoint(projection.name)
  const { catchUp } = builder
  const promotion = { store, generation, catchUp, checkpoint, assertHeld, leftVersion }
  const former = await promote(promotion)
  crashPoint('replay:promoted')
  logger.info({ model, generation: id, former }, `${model}: promoted ${id}`)
  const applied = Array.from(checkpoint().values(), (each) => each.applied)
  builder.release(model)
  return { model, generation: id, former, eventsApplied: applied.reduce((a, b) => a + b, 0) }
}
