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

/** A former generation is kept at least this long: readers may still be on it. */
const formerKeptMs = 60_000

/**
 * The generation that a replay has to fill: the one that an interrupted replay of this version left
 * behind, or else a new one. Removes every generation that nobody needs any more.
 * The caller holds the lease of the model's replay.
 */
export async function openBuild(
  store: ReadModelStore,
  eventStore: EventStore,
  projection: Projection,
  assertHeld: () => Promise<void>,
): Promise<Generation> {
  const { name: model, version, kind } = projection
  const { candidates, obsolete } = await sortOut(store, projection)
  crashPoint('replay:sorted-out')
  // After a long pause the next holder may have promoted what was of no use to anybody.
  if (obsolete.length > 0) await assertHeld()
  for (const { id } of obsolete) await store.drop(id)
  crashPoint('replay:obsolete-dropped')
  const left = candidates.at(-1)
  if (left !== undefined) {
    const generation = await store.open(left.id)
    crashPoint('replay:found')
    if (await fitsLog(projection, generation, eventStore)) return generation
    await store.drop(left.id)
  }
  crashPoint('replay:not-found')
  return store.create({ model, version, kind })
}

async function sortOut(store: ReadModelStore, { name, version }: Projection) {
  const pointer = await surePointer(store, name)
  const formerIsOld = (pointer?.promotedAt ?? 0) + formerKeptMs < Date.now()
  // Whoever was promoted once has served, and been written to, by who knows what code.
  const isBuild = ({ id }: GenerationInfo) => id > newestPromoted(pointer)
  const others = (await store.generations(name)).filter(
    ({ id }) => id !== pointer?.active && id !== pointer?.former,
  )
  const candidates = others.filter((info) => isBuild(info) && info.version === version)
  const obsolete = others.filter((info) => info !== candidates.at(-1))
  const former = formerIsOld && pointer?.former ? [{ id: pointer.former }] : []
  return { candidates, obsolete: [...obsolete, ...former] }
}

/** A pointer of before this was kept has none. */
export const newestPromoted = (pointer: Pointer | undefined): string =>
  pointer?.newest ?? pointer?.active ?? ''

/**
 * What two looks in a row agree on: one alone may say what was true before a failover, and then a
 * generation that serves would pass for one that nobody needs.
 */
async function surePointer(store: ReadModelStore, model: string): Promise<Pointer | undefined> {
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
