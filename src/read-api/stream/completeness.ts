import type { UnixMs } from '../../domain/time.ts'
import type { InterruptionRow } from '../../projections/read-models/interruptions.ts'
import { decodeKey, encodeKey, type Key } from '../../read-model-store/key.ts'
import type { Checkpoint, Generation, Guard } from '../../read-model-store/read-model-store.ts'
import {
  completenessOf,
  type Evidence,
  readEvidence,
  readInterruptions,
} from '../read-models/completeness.ts'
import type { ReadModelReader } from '../read-models/reader.ts'
import type { Reports } from '../read-models/reports.ts'
import { type Positions, positionsOf } from './positions.ts'

export type OpenCandle = Readonly<{ symbol: string; start: UnixMs }>

/** Whether candles are complete, as far as the interruptions have been applied. */
export type Completeness = Readonly<{
  /** Undefined if `interruptions` isn't built yet: then it is unknown for every candle. */
  upTo: Positions | undefined
  of: (candle: OpenCandle) => boolean | null
  /** The position of the newest interruption that may concern the candle. */
  guardOf: (candle: OpenCandle) => Guard | undefined
}>

export const keyOf = ({ symbol, start }: OpenCandle): Key => encodeKey([symbol, start])

/**
 * Polls are frequent and interruptions rare, so what the log says of a candle is kept until another
 * interruption has been applied. What processes report is judged anew each time.
 */
export function completenessSource(reader: ReadModelReader, lengthMs: number) {
  let known: ReadonlyMap<Key, Evidence> = new Map()
  let lastState = ''

  const readFrom = async (
    generation: Generation<InterruptionRow>,
    candles: readonly OpenCandle[],
    signal: AbortSignal,
  ) => {
    // The checkpoint is read first, so the rows contain all that is below it.
    const checkpoint = await generation.checkpoint()
    const state = `${generation.info.id} ${appliedIn(checkpoint)}`
    const former: typeof known = state === lastState ? known : new Map()
    const next = new Map<Key, Evidence>()
    for (const candle of candles) {
      const key = keyOf(candle)
      const { symbol, start } = candle
      const spans = [{ start, end: start + lengthMs }]
      const evidence =
        former.get(key) ?? (await readEvidence(generation, { symbol, spans, signal }))
      next.set(key, evidence)
    }
    known = next
    lastState = state
    return { upTo: positionsOf(checkpoint), evidence: next }
  }
  return async (
    candles: readonly OpenCandle[],
    reports: Reports,
    signal: AbortSignal,
  ): Promise<Completeness> => {
    const found = await readInterruptions(reader, signal, (generation) =>
      readFrom(generation, candles, signal),
    )
    const evidenceOf = (candle: OpenCandle) => found?.evidence.get(keyOf(candle)) ?? nothing
    return {
      upTo: found?.upTo,
      of: (candle) => {
        const { start } = candle
        return completenessOf({ start, end: start + lengthMs }, evidenceOf(candle), reports)
      },
      guardOf: (candle) => {
        const decisive = evidenceOf(candle).decisive.get(candle.start)
        return decisive && decodeKey(decisive.key).slice(-2).join(':')
      },
    }
  }
}

const nothing: Evidence = { newest: undefined, decisive: new Map() }

const appliedIn = (checkpoint: Checkpoint): number =>
  Array.from(checkpoint.values()).reduce((sum, { applied }) => sum + applied, 0)
