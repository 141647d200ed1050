import { hasCode } from '../domain/errors.ts'
import type { Generation, ReadModelStore } from '../read-model-store/read-model-store.ts'
import { crashPoint } from '../runtime/crash-point.ts'
import type { Projection } from './projection.ts'
import { withReplayLeases } from './replay-lease.ts'

/**
 * Opens the generation that the pointer names. If it doesn't exist (a new model, or an emptied
 * database), creates and promotes an empty one: readers see it fill up from offset zero.
 */
export async function openActiveGeneration(
  store: ReadModelStore,
  projection: Projection,
): Promise<Generation> {
  const pointer = await store.pointer(projection.name)
  if (pointer !== undefined) {
    try {
      return await store.open(pointer.active)
    } catch (error) {
      if (!hasCode(error, 'GENERATION_DROPPED')) throw error
    }
  }
  return createActive(store, projection, pointer?.active ?? null)
}

/** Takes the replay lease: a running replay fills or drops a generation that isn't promoted. */
const createActive = (
  store: ReadModelStore,
  projection: Projection,
  lost: string | null,
): Promise<Generation> =>
  withReplayLeases(store, [projection], async () => {
    const { name: model, version, kind } = projection
    const active = (await store.pointer(model))?.active ?? null
    crashPoint('first-generation:looked-up')
    // Another process was faster.
    if (active !== null && active !== lost) return store.open(active)
    const generation = await store.create({ model, version, kind })
    crashPoint('first-generation:created')
    const { id } = generation.info
    const first = { model, active: id, newest: id, former: null, leftVersion: null }
    const isPromoted = await store.promote({ ...first, promotedAt: Date.now() }, lost)
    crashPoint('first-generation:promoted')
    if (isPromoted) return generation
    return store.open((await store.pointer(model))?.active ?? '')
  })
