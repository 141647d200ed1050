import type { UnixMs } from '../../domain/time.ts'
import { type CandleRow, candles as candleModel } from '../../projections/read-models/candles.ts'
import { encodeKey, type Key } from '../../read-model-store/key.ts'
import type { Generation, StoredRow } from '../../read-model-store/read-model-store.ts'
import { type Interval, lengthOf } from '../http/intervals.ts'
import { shownCandle } from '../read-models/candle.ts'
import type { ReadModelReader } from '../read-models/reader.ts'
import type { ReadReports } from '../read-models/reports.ts'
import { type Completeness, completenessSource, keyOf, type OpenCandle } from './completeness.ts'
import { type FreshRow, type LiveRow, newestRows, type PollResult } from './newest-rows.ts'
import { lowest, mergeGuards, positionsOf } from './positions.ts'

export type CandleReaders = Readonly<{ reader: ReadModelReader; readReports: ReadReports }>

export type OpenCandles = Readonly<{
  /** Reads the open candles of these ticks' symbols. */
  read: (ticks: readonly LiveRow[], signal: AbortSignal) => Promise<PollResult>
  unchanged: () => PollResult
}>

/**
 * The open candle of each symbol: the one of its last trade. The candle before is read too until
 * the open one is found, since its last trades may be found in the same poll or later.
 */
export function openCandleSource(
  { reader, readReports }: CandleReaders,
  interval: Interval,
): OpenCandles {
  const rows = newestRows('candle')
  const readCompleteness = completenessSource(reader, lengthOf(interval).lengthMs)
  const starts = new Map<string, readonly UnixMs[]>()

  const read: OpenCandles['read'] = async (ticks, signal) => {
    const candles = ticks.flatMap(({ symbol, at }) => {
      const toRead = startsToRead(starts.get(symbol), at - (at % lengthOf(interval).lengthMs))
      starts.set(symbol, toRead)
      return toRead.map((start) => ({ symbol, start }))
    })
    const reports = await readReports()
    const { upTo, stored } = await reader.read(candleModel, signal, async (generation) => ({
      upTo: positionsOf(await generation.checkpoint()),
      stored: await readStoredCandles(generation, { candles, interval, signal }),
    }))
    const completeness = await readCompleteness(candles, reports, signal)
    const fresh = stored.map((candle) => freshRow(candle, interval, completeness))
    for (const { symbol, at } of fresh) {
      if (starts.get(symbol)?.at(-1) === at) starts.set(symbol, [at])
    }
    // An interruption that isn't applied yet may change a candle: the client must not be past it.
    const result = rows.take(fresh, lowest([upTo, completeness.upTo ?? upTo]))
    rows.keepOnly(new Set(candles.map(keyOf)))
    return result
  }
  return { read, unchanged: rows.unchanged }
}

/** Oldest first. Only if the log is another one can the last trade be an earlier one. */
function startsToRead(known: readonly UnixMs[] = [], start: UnixMs): readonly UnixMs[] {
  const last = known.at(-1) ?? start
  if (start < last) return [start]
  return start === last ? [...new Set([...known, start])] : [...known, start].slice(-2)
}

/** The stored rows that make up an open candle, newest first; at least one. */
type StoredCandle = OpenCandle & Readonly<{ rows: readonly StoredRow<CandleRow>[] }>

/** Omits candles without a row: `candles` may be behind `vwap`, from which the ticks come. */
async function readStoredCandles(
  generation: Generation<CandleRow>,
  options: { candles: readonly OpenCandle[]; interval: Interval; signal: AbortSignal },
): Promise<StoredCandle[]> {
  const { candles, interval, signal } = options
  const { rowsMax } = lengthOf(interval)
  const keys = candles.flatMap((candle) => storedKeys(candle, interval))
  const stored = await generation.read(keys, signal)
  return candles.flatMap((candle, index) => {
    const own = stored.slice(index * rowsMax, (index + 1) * rowsMax)
    const rows = own.filter((row) => row !== undefined).reverse()
    return rows.length === 0 ? [] : [{ ...candle, rows }]
  })
}

function storedKeys({ symbol, start }: OpenCandle, interval: Interval): Key[] {
  const { stored, lengthMs, rowsMax } = lengthOf(interval)
  return Array.from({ length: rowsMax }, (_, index) =>
    encodeKey([symbol, stored, start + index * (lengthMs / rowsMax)]),
  )
}

function freshRow(candle: StoredCandle, interval: Interval, completeness: Completeness): FreshRow {
  const { symbol, start } = candle
  const complete = completeness.of(candle)
  // An interruption changes a candle without a trade: with its position the candle counts as newer.
  // It counts also if it doesn't overlap the candle, so that a version never looks older than the
  // one before it when an interruption has ended.
  const guards = [...candle.rows.map((row) => row.guard), completeness.guardOf(candle)]
  const guard = mergeGuards(guards.filter((each) => typeof each === 'string'))
  const rows = candle.rows.map(({ value }) => value)
  const shown = () => ({ symbol, interval, ...shownCandle({ start, rows }, complete) })
  return { key: keyOf(candle), symbol, at: start, guard, complete, shown }
}
