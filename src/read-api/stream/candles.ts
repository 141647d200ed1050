import type { UnixMs } from '../../domain/trade-executed.ts'
import type { CandleRow } from '../../projections/read-models/candles.ts'
import { encodeKey, type Key } from '../../read-model-store/key.ts'
import type { Generation, StoredRow } from '../../read-model-store/read-model-store.ts'
import { shownCandle } from '../candle.ts'
import { type Interval, lengthOf } from '../intervals.ts'
import type { ReadModelReader } from '../reader.ts'
import { type FreshRow, type LiveRow, type Look, newestRows } from './newest-rows.ts'
import { mergeGuards, positionsOf } from './positions.ts'

export type OpenCandles = Readonly<{
  /** Of the symbols of these ticks. */
  read: (ticks: readonly LiveRow[], signal: AbortSignal) => Promise<Look>
  unchanged: () => Look
}>

/**
 * The candle that is open for each symbol: the one of its last trade. The one before is read until
 * the open one is found, as its last trades may be found in the same poll or later.
 */
export const openCandleSource = (reader: ReadModelReader, interval: Interval): OpenCandles => {
  const rows = newestRows('candle')
  const starts = new Map<string, readonly UnixMs[]>()

  const read: OpenCandles['read'] = async (ticks, signal) => {
    const candles = ticks.flatMap(({ symbol, at }) => {
      const read = startsToRead(starts.get(symbol), at - (at % lengthOf(interval).lengthMs))
      starts.set(symbol, read)
      return read.map((start) => ({ symbol, start }))
    })
    const { upTo, fresh } = await reader('candles', signal, async (generation) => ({
      upTo: positionsOf(await generation.checkpoint()),
      fresh: await freshRows(generation, { candles, interval, signal }),
    }))
    for (const { symbol, at } of fresh) {
      if (starts.get(symbol)?.at(-1) === at) starts.set(symbol, [at])
    }
    const look = rows.take(fresh, upTo)
    rows.keepOnly(new Set(candles.map(keyOf)))
    return look
  }
  return { read, unchanged: rows.unchanged }
}

/** Oldest first. Only in another log may the last trade be an earlier one. */
const startsToRead = (known: readonly UnixMs[] = [], start: UnixMs): readonly UnixMs[] => {
  const last = known.at(-1) ?? start
  if (start < last) return [start]
  return start === last ? [...new Set([...known, start])] : [...known, start].slice(-2)
}

type Candle = Readonly<{ symbol: string; start: UnixMs }>

const keyOf = ({ symbol, start }: Candle): Key => encodeKey([symbol, start])

const freshRows = async (
  generation: Generation,
  options: { candles: readonly Candle[]; interval: Interval; signal: AbortSignal },
): Promise<FreshRow[]> => {
  const { candles, interval, signal } = options
  const { rowsMax } = lengthOf(interval)
  const keys = candles.flatMap((candle) => storedKeys(candle, interval))
  const stored = await generation.read(keys, signal)
  return candles.flatMap((candle, index) =>
    freshRow(candle, interval, stored.slice(index * rowsMax, (index + 1) * rowsMax)),
  )
}

const storedKeys = ({ symbol, start }: Candle, interval: Interval): Key[] => {
  const { stored, lengthMs, rowsMax } = lengthOf(interval)
  return Array.from({ length: rowsMax }, (_, index) =>
    encodeKey([symbol, stored, start + index * (lengthMs / rowsMax)]),
  )
}

/** None where the candles are behind the ticks and have no row of it yet. */
const freshRow = (
  candle: Candle,
  interval: Interval,
  stored: readonly (StoredRow | undefined)[],
): FreshRow[] => {
  const rows = stored.filter((row) => row !== undefined).reverse()
  if (rows.length === 0) return []
  const { symbol, start } = candle
  const guard = mergeGuards(rows.map((row) => row.guard ?? ''))
  const values = rows.map(({ value }) => value as CandleRow)
  const shown = () => ({ symbol, interval, ...shownCandle({ start, rows: values }) })
  return [{ key: keyOf(candle), symbol, at: start, guard, shown }]
}
