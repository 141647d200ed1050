import { hasCode } from '../domain/errors.ts'
import type { Generation, Pointer, ReadModelStore } from '../read-model-store/read-model-store.ts'
import type { Projection } from './projection.ts'

/**
 * The generation that the pointer names. Where there is none (a new model, or an emptied database)
 * an empty one is made and promoted: it fills up from offset zero in the open.
 */
export const openActiveGeneration = async (
  store: ReadModelStore,
  projection: Projection,
): Promise<Generation> => {
  const pointer = await store.pointer(projection.name)
  if (pointer !== undefined) {
    try {
      return await store.open(pointer.active)
    } catch (error) {
      if (!hasCode(error, 'GENERATION_DROPPED')) throw error
    }
  }
  return createActive(store, projection, pointer)
}

const createActive = async (
  store: ReadModelStore,
  { name, version, kind }: Projection,
  lost: Pointer | undefined,
): Promise<Generation> => {
  const generation = await store.create({ model: name, version, kind })
  const pointer = {
    model: name,
    active: generation.info.id,
    former: null,
    promotedAt: Date.now(),
    leftVersion: null,
  }
  if (await store.promote(pointer, lost?.active ?? null)) return generation
  // Another process was first: its generation serves, ours never held a row.
  await store.drop(generation.info.id)
  const winner = await store.pointer(name)
  return store.open(winner?.active ?? '')
}
