import { TradelogError } from '../../domain/errors.ts'
import type { Generation } from '../../read-model-store/read-model-store.ts'
import type { Projection } from '../projection.ts'

/**
 * Rejects if the rows of a generation don't account for every event applied to it: it must not be
 * promoted then. No other process may write to it meanwhile.
 */
export async function checkCounts(
  projection: Projection,
  generation: Generation,
  signal: AbortSignal,
): Promise<void> {
  let applied = 0
  for (const each of (await generation.checkpoint()).values()) applied += each.applied
  const { rows, events } = await generation.count(signal)
  const [counted, expected] =
    projection.kind === 'series' ? [rows, applied] : [events, applied * projection.rowsPerEvent]
  if (counted === expected) return
  const { name: model } = projection
  throw new TradelogError(
    'COUNTS_DISAGREE',
    `${model}: the rows of ${generation.info.id} account for ${counted} events, ${expected} were ` +
      'applied; it is not promoted, run the replay again',
    { fields: { model, generation: generation.info.id, counted, expected } },
  )
}
