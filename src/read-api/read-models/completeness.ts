import { setImmediate as nextTurn } from 'node:timers/promises'
import { hasCode } from '../../domain/errors.ts'
import type { UnixMs } from '../../domain/time.ts'
import { type InterruptionRow, interruptions } from '../../projections/read-models/interruptions.ts'
import { decodeKey, encodeKey, type Key, keysUnder } from '../../read-model-store/key.ts'
import type { Generation, Guard, StoredRow } from '../../read-model-store/read-model-store.ts'
import type { ReadModelReader } from './reader.ts'

/** From its start up to, and without, its end. */
export type Span = Readonly<{ start: UnixMs; end: UnixMs }>

type Options = Readonly<{
  symbol: string
  /** They rise and don't overlap. */
  spans: readonly Span[]
  signal: AbortSignal
}>

/** By the starts of those spans in which the symbol was interrupted: where the log says so. */
export type Interrupted = ReadonlyMap<UnixMs, Guard>

/** Undefined where it can't be told, since the read model is not built yet. */
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

/** What a read gives at a time: many spans share it where interruptions are rare. */
const rowsMax = 50

/**
 * Reads interruptions by their ends, from the start of the first undecided span on, and passes over
 * the rest of those that end in a span: never more reads than spans, however many interruptions
 * there are. Of those that end behind a span the next few decide, since interruptions begin in the
 * order in which they end.
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
      // Others have their turn between reads, and the time limit too.
      if (rows !== undefined) await nextTurn()
      const from = encodeKey([symbol, start + 1])
      rows = await generation.page({ from, to, limit: rowsMax, reverse: false, signal })
    }
    const last = rows.findLast((row) => row.value.until > start && row.value.from < end)
    if (last !== undefined) interrupted.set(start, placeOf(last.key))
  }
  return interrupted
}

/** Whether the first interruption that ends behind the start is among the rows, or there is none. */
function isDecidedBy(rows: readonly StoredRow<InterruptionRow>[], start: UnixMs): boolean {
  const last = rows.at(-1)
  return rows.length < rowsMax || last === undefined || last.value.until > start
}

const placeOf = (key: Key): Guard => decodeKey(key).slice(-2).join(':')
