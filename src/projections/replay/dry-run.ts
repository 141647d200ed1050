import { openActiveGeneration } from '../active-generation.ts'
import { withReplayLeases } from '../replay-lease.ts'
import { openBuilder } from './builder.ts'
import { compareGenerations, type GenerationChanges } from './compare-generations.ts'
import { checkCounts } from './count-check.ts'
import { createReplayProgress } from './progress.ts'
import type { ReplayOptions } from './replay.ts'

export type DryRunResult = GenerationChanges & Readonly<{ model: string }>

/** What a replay would change: builds each model, compares it with the active one, and drops it. */
export async function dryRun(options: ReplayOptions): Promise<readonly DryRunResult[]> {
  // First, as creating a model's first generation needs the lease that is taken next.
  for (const projection of options.projections) {
    await openActiveGeneration(options.readModelStore, projection)
  }
  return withReplayLeases(options.readModelStore, options.projections, async () => {
    const results: DryRunResult[] = []
    for (const projection of options.projections) {
      const { readModelStore: store, signal } = options
      const { name: model, version, kind } = projection
      const active = await openActiveGeneration(store, projection)
      const generation = await store.create({ model, version, kind })
      const builds = [{ projection, generation }]
      const progress = createReplayProgress({ ...options, builds })
      try {
        const builder = await openBuilder({ ...options, builds, onApplied: progress.read })
        await progress.start()
        await builder.catchUp()
        await checkCounts(projection, generation, signal)
        const changes = await compareGenerations(active, generation, builder.catchUp, signal)
        results.push({ model, ...changes })
      } catch (error) {
        progress.failed(error)
        throw error
      } finally {
        await progress.close()
        await store.drop(generation.info.id)
      }
    }
    return results
  })
}
