import { type VwapRow, vwap } from '../../projections/read-models/vwap.ts'
import type { StoredRow } from '../../read-model-store/read-model-store.ts'
import type { ReadModelReader } from '../read-models/reader.ts'
import { readAllStoredRows } from '../read-models/symbols.ts'
import { shownTick } from '../read-models/tick.ts'
import { type FreshRow, newestRows, type PollResult } from './newest-rows.ts'
import { formatPositions, positionsOf } from './positions.ts'

type Ticks = Readonly<{
  read: (signal: AbortSignal) => Promise<PollResult>
  unchanged: () => PollResult
}>

/** The rows of `vwap`, one per symbol: all fields of a tick are of the same trades. */
export function tickSource(reader: ReadModelReader): Ticks {
  const rows = newestRows('tick')
  let lastRead = ''

  const read = async (signal: AbortSignal): Promise<PollResult> => {
    const found = await reader.read(vwap, signal, async (generation) => {
      // The checkpoint is read first, so the rows contain all that is below it.
      const upTo = positionsOf(await generation.checkpoint())
      const state = `${generation.info.id} ${formatPositions(upTo)}`
      if (state === lastRead) return undefined
      return { state, upTo, stored: await readAllStoredRows(generation, signal) }
    })
    if (found === undefined) return rows.unchanged()
    lastRead = found.state
    return rows.take(found.stored.map(freshRow), found.upTo)
  }
  return { read, unchanged: rows.unchanged }
}

const freshRow = ({ key, value, guard }: StoredRow<VwapRow>): FreshRow => ({
  key,
  symbol: value.symbol,
  at: value.lastTradeAt,
  guard: guard ?? '',
  shown: () => shownTick(value),
})
