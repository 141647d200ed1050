import { hasCode } from '../../domain/errors.ts'
import type { UnixMs } from '../../domain/time.ts'
import { type InterruptionRow, interruptions } from '../../projections/read-models/interruptions.ts'
import { encodeKey, type Key } from '../../read-model-store/key.ts'
import type { Checkpoint, Generation, Guard } from '../../read-model-store/read-model-store.ts'
import { interruptedIn } from '../read-models/completeness.ts'
import type { ReadModelReader } from '../read-models/reader.ts'
import { type Positions, positionsOf } from './positions.ts'

export type OpenCandle = Readonly<{ symbol: string; start: UnixMs }>

/** Whether candles are complete, as far as the interruptions have been applied. */
export type Completeness = Readonly<{
  /** Undefined if `interruptions` isn't built yet: then it is unknown for every candle. */
  upTo: Positions | undefined
  /** The position of an interruption that overlaps the candle; undefined if none does. */
  interruptedAt: (candle: OpenCandle) => Guard | undefined
}>

export const keyOf = ({ symbol, start }: OpenCandle): Key => encodeKey([symbol, start])

/**
 * Polls are frequent and interruptions rare, so what is known of a candle is kept until another
 * interruption has been applied.
 */
export function completenessSource(reader: ReadModelReader, lengthMs: number) {
  let known: ReadonlyMap<Key, Guard | undefined> = new Map()
  let lastState = ''

  const readFrom = async (
    generation: Generation<InterruptionRow>,
    candles: readonly OpenCandle[],
    signal: AbortSignal,
  ): Promise<Completeness> => {
    // The checkpoint is read first, so the rows contain all that is below it.
    const checkpoint = await generation.checkpoint()
    const state = `${generation.info.id} ${appliedIn(checkpoint)}`
    const former: typeof known = state === lastState ? known : new Map()
    const next = new Map<Key, Guard | undefined>()
    for (const candle of candles) {
      const key = keyOf(candle)
      next.set(key, former.get(key))
      if (former.has(key)) continue
      const { symbol, start } = candle
      const spans = [{ start, end: start + lengthMs }]
      next.set(key, (await interruptedIn(generation, { symbol, spans, signal })).get(start))
    }
    known = next
    lastState = state
    return { upTo: positionsOf(checkpoint), interruptedAt: (candle) => next.get(keyOf(candle)) }
  }
  return async (candles: readonly OpenCandle[], signal: AbortSignal): Promise<Completeness> => {
    try {
      return await reader.read(interruptions, signal, (generation) =>
        readFrom(generation, candles, signal),
      )
    } catch (error) {
      if (hasCode(error, 'READ_MODEL_NOT_FOUND')) return unknown
      throw error
    }
  }
}

const unknown: Completeness = { upTo: undefined, interruptedAt: () => undefined }

const appliedIn = (checkpoint: Checkpoint): number =>
  Array.from(checkpoint.values()).reduce((sum, { applied }) => sum + applied, 0)
