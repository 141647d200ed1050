import { hasCode } from '../domain/errors.ts'
import type { Generation, ReadModelStore } from '../read-model-store/read-model-store.ts'
import { crashPoint } from '../runtime/crash-point.ts'
import type { Projection } from './projection.ts'
import { withReplayLeases } from './replay-lease.ts'

/**
 * The generation that the pointer names. Where there is none (a new model, or an emptied database)
 * an empty one is made and promoted: it fills up from offset zero in the open.
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

/** Under the lease of replays: to one at work, a generation not yet promoted is one to fill or to drop. */
const createActive = (
  store: ReadModelStore,
  projection: Projection,
  lost: string | null,
): Promise<Generation> =>
  withReplayLeases(store, [projection], async () => {
    const { name: model, version, kind } = projection
    const active = (await store.pointer(model))?.active ?? null
    crashPoint('first-generation:looked-up')
    // Another process was first.
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
