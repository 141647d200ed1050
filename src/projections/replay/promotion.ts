import { hasCode, TradelogError } from '../../domain/errors.ts'
import type {
  Checkpoint,
  Generation,
  Pointer,
  ReadModelStore,
} from '../../read-model-store/read-model-store.ts'
import { crashPoint } from '../../runtime/crash-point.ts'
import { newestPromoted } from './build-generation.ts'

/** A steady flow may keep the active generation ahead: after so many tries, near is enough. */
const strictTriesMax = 50

type Promotion = Readonly<{
  store: ReadModelStore
  generation: Generation
  /** Brings the generation to the head of the log. */
  catchUp: () => Promise<void>
  checkpoint: () => Checkpoint
  /** Rejects once the lease is lost. */
  assertHeld: () => Promise<void>
  /** For the pointer: the version that a rollback goes back from. */
  leftVersion: number | null
}>

/**
 * Makes a generation the one that the API reads, as soon as it is at or past the active one in
 * every partition, so that readers don't see time go back. Returns the former generation's id.
 */
export async function promote(promotion: Promotion): Promise<string | null> {
  const { store, generation, catchUp, assertHeld, leftVersion } = promotion
  const { id, model } = generation.info
  for (let tries = 1; ; tries++) {
    await catchUp()
    crashPoint('promotion:caught-up')
    const pointer = await store.pointer(model)
    crashPoint('promotion:looked-up')
    if (pointer?.active === id) return pointer.former
    const isPast = isAtOrPast(promotion.checkpoint(), await checkpointOf(store, pointer))
    crashPoint('promotion:compared')
    if (!isPast && tries < strictTriesMax) continue
    await assertHeld()
    crashPoint('promotion:held')
    const former = pointer?.active ?? null
    const isNewest = id > newestPromoted(pointer)
    const newest = isNewest ? id : newestPromoted(pointer)
    const next = { model, active: id, former, promotedAt: Date.now(), leftVersion, newest }
    const isPromoted = await store.promote(next, former)
    crashPoint('promotion:done')
    if (isPromoted) return former
    if (tries > 2 * strictTriesMax) throw neverPromoted(model, id)
  }
}

async function checkpointOf(
  store: ReadModelStore,
  pointer: Pointer | undefined,
): Promise<Checkpoint> {
  if (pointer === undefined) return new Map()
  try {
    return await (await store.open(pointer.active)).checkpoint()
  } catch (error) {
    if (hasCode(error, 'GENERATION_DROPPED')) return new Map()
    throw error
  }
}

const isAtOrPast = (checkpoint: Checkpoint, other: Checkpoint): boolean =>
  Array.from(other).every(([partition, { next }]) => (checkpoint.get(partition)?.next ?? 0) >= next)

function neverPromoted(model: string, id: string) {
  const message = `${model}: others kept moving the pointer, ${id} is not promoted; run it again`
  return new TradelogError('CHECKPOINT_MOVED', message, { fields: { model, generation: id } })
}
