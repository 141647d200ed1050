import { setImmediate as nextTurn } from 'node:timers/promises'
import { hasCode } from '../../domain/errors.ts'
import type { UnixMs } from '../../domain/time.ts'
import { type InterruptionRow, interruptions } from '../../projections/read-models/interruptions.ts'
import { decodeKey, encodeKey, type Key, keysUnder } from '../../read-model-store/key.ts'
import type { Generation, Guard, StoredRow } from '../../read-model-store/read-model-store.ts'
import type { ReadModelReader } from './reader.ts'

/** From `start` up to, but not including, `end`. */
type Span = Readonly<{ start: UnixMs; end: UnixMs }>

type Options = Readonly<{
  symbol: string
  /** In ascending order, without overlaps. */
  spans: readonly Span[]
  signal: AbortSignal
}>

/** The starts of the interrupted spans, each with the position of an interruption in the log. */
type Interrupted = ReadonlyMap<UnixMs, Guard>

/** Finds the interrupted spans; undefined if the read model `interruptions` is not built yet. */
export async function interruptedSpans(
  reader: ReadModelReader,
  options: Options,
): Promise<Interrupted | undefined> {
  try {
    return await reader.read(interruptions, options.signal, (generation) =>
      interruptedIn(generation, options),
    )
  } catch (error) {
    if (hasCode(error, 'READ_MODEL_NOT_FOUND')) return undefined
    throw error
  }
}

/** The rows of one read: if interruptions are rare, many spans share it. */
const rowsMax = 50

/**
 * Reads interruptions in the order of their ends, starting anew at each span that the last rows
 * don't decide: never more reads than spans, however many interruptions there are. The first that
 * ends after a span's start decides, since interruptions begin in the order in which they end.
 */
export async function interruptedIn(
  generation: Generation<InterruptionRow>,
  { symbol, spans, signal }: Options,
): Promise<Interrupted> {
  const interrupted = new Map<UnixMs, Guard>()
  const { to } = keysUnder([symbol])
  let rows: readonly StoredRow<InterruptionRow>[] | undefined
  for (const { start, end } of spans) {
    if (rows === undefined || !isDecidedBy(rows, start)) {
      // Lets other requests, and the time limit, run between reads.
      if (rows !== undefined) await nextTurn()
      const from = encodeKey([symbol, start + 1])
      rows = await generation.page({ from, to, limit: rowsMax, reverse: false, signal })
    }
    const last = rows.findLast((row) => (row.value.until ?? end) > start && row.value.from < end)
    if (last !== undefined) interrupted.set(start, positionOf(last.key))
  }
  return interrupted
}

/** Whether the rows have the first interruption that ends after the start, or there is none. */
function isDecidedBy(rows: readonly StoredRow<InterruptionRow>[], start: UnixMs): boolean {
  const last = rows.at(-1)
  return rows.length < rowsMax || last === undefined || (last.value.until ?? start) > start
}

const positionOf = (key: Key): Guard => decodeKey(key).slice(-2).join(':')
