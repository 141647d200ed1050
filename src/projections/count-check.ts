import { TradelogError } from '../domain/errors.ts'
import type { Generation } from '../read-model-store/read-model-store.ts'
import type { Projection } from './projection.ts'

/**
 * Scans a generation once: its rows have to account for every event applied to it, or it must not
 * be promoted. Nobody else may write to it meanwhile.
 */
export const checkCounts = async (
  projection: Projection,
  generation: Generation,
  signal: AbortSignal,
): Promise<void> => {
  let applied = 0
  for (const of of (await generation.checkpoint()).values()) applied += of.applied
  const expected = projection.kind === 'series' ? applied : applied * projection.rowsPerEvent
  let counted = 0
  for await (const rows of generation.scan({ signal })) {
    signal.throwIfAborted()
    for (const row of rows) counted += projection.kind === 'series' ? 1 : (row.count ?? 0)
  }
  if (counted === expected) return
  const { name: model } = projection
  throw new TradelogError(
    'COUNTS_DISAGREE',
    `${model}: the rows of ${generation.info.id} account for ${counted} events, ${expected} were ` +
      'applied; it is not promoted, run the replay again',
    { fields: { model, generation: generation.info.id, counted, expected } },
  )
}
