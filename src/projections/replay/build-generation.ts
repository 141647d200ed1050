import type { EventStore } from '../../event-store/event-store.ts'
import type {
  Generation,
  GenerationInfo,
  Pointer,
  ReadModelStore,
} from '../../read-model-store/read-model-store.ts'
import { crashPoint } from '../../runtime/crash-point.ts'
import { checkLog } from '../log-check.ts'
import type { Projection } from '../projection.ts'

/** A former generation is kept at least this long: readers may still use it. */
const formerKeptMs = 60_000

/**
 * Opens the generation that a replay has to fill: the unfinished one of an interrupted replay of
 * this version, or else a new one. Drops every generation that is no longer needed.
 * The caller holds the lease of the model's replay.
 */
export async function openBuild(
  store: ReadModelStore,
  eventStore: EventStore,
  projection: Projection,
  assertHeld: () => Promise<void>,
): Promise<Generation> {
  const { name: model, version, kind } = projection
  const { candidates, obsolete } = await sortGenerations(store, projection)
  crashPoint('replay:sorted-out')
  // After a long pause, the next holder of the lease may have promoted an obsolete generation.
  if (obsolete.length > 0) await assertHeld()
  for (const { id } of obsolete) await store.drop(id)
  crashPoint('replay:obsolete-dropped')
  const unfinished = candidates.at(-1)
  if (unfinished !== undefined) {
    const generation = await store.open(unfinished.id)
    crashPoint('replay:found')
    if (await fitsLog(projection, generation, eventStore)) return generation
    await store.drop(unfinished.id)
  }
  crashPoint('replay:not-found')
  return store.create({ model, version, kind })
}

async function sortGenerations(store: ReadModelStore, { name, version }: Projection) {
  const pointer = await stablePointer(store, name)
  const formerIsOld = (pointer?.promotedAt ?? 0) + formerKeptMs < Date.now()
  // Any version of the code may have written to a generation that was ever promoted.
  const isBuild = ({ id }: GenerationInfo) => id > newestPromoted(pointer)
  const others = (await store.generations(name)).filter(
    ({ id }) => id !== pointer?.active && id !== pointer?.former,
  )
  const candidates = others.filter((info) => isBuild(info) && info.version === version)
  const obsolete = others.filter((info) => info !== candidates.at(-1))
  const former = formerIsOld && pointer?.former ? [{ id: pointer.former }] : []
  return { candidates, obsolete: [...obsolete, ...former] }
}

/** The newest generation that was ever promoted. Older pointers don't store it. */
export const newestPromoted = (pointer: Pointer | undefined): string =>
  pointer?.newest ?? pointer?.active ?? ''

/**
 * Reads the pointer until two reads in a row are equal. A single read may be stale after a
 * failover, and the active generation would then seem obsolete.
 */
async function stablePointer(store: ReadModelStore, model: string): Promise<Pointer | undefined> {
  for (let last = await store.pointer(model); ; ) {
    const pointer = await store.pointer(model)
    if (pointer?.active === last?.active && pointer?.former === last?.former) return pointer
    last = pointer
  }
}

async function fitsLog(
  { name }: Projection,
  generation: Generation,
  eventStore: EventStore,
): Promise<boolean> {
  const checkpoint = await generation.checkpoint()
  const heads = await eventStore.heads()
  return heads.every((bounds) => {
    try {
      checkLog(name, checkpoint.get(bounds.partition), bounds)
      return true
    } catch {
      return false
    }
  })
}
