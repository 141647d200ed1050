import { setImmediate as nextTurn } from 'node:timers/promises'
import { hasCode } from '../../domain/errors.ts'
import type { UnixMs } from '../../domain/time.ts'
import { candles } from '../../projections/read-models/candles.ts'
import { type InterruptionRow, interruptions } from '../../projections/read-models/interruptions.ts'
import { decodeKey, encodeKey, keysUnder } from '../../read-model-store/key.ts'
import type { Generation, StoredRow } from '../../read-model-store/read-model-store.ts'
import type { ReadModelReader } from './reader.ts'
import type { Reports } from './reports.ts'

/** From `start` up to, but not including, `end`. */
export type Span = Readonly<{ start: UnixMs; end: UnixMs }>

type Interruption = StoredRow<InterruptionRow>

/** What the log says of the interruptions of a symbol and of some spans. */
export type Evidence = Readonly<{
  newest: Interruption | undefined
  /**
   * By a span's start: the newest interruption that begins before the span's end. It decides, since
   * interruptions end in the order in which they begin, and each that has no end lasts until the
   * end of the next.
   */
  decisive: ReadonlyMap<UnixMs, Interruption>
}>

type Options = Readonly<{
  symbol: string
  /** In descending order, without overlaps. */
  spans: readonly Span[]
  signal: AbortSignal
}>

/** The rows of one read: if interruptions are rare, many spans share it. */
const rowsMax = 50

/** Reads a generation of `interruptions`, once more than there are spans at the most. */
export async function readEvidence(
  generation: Generation<InterruptionRow>,
  { symbol, spans, signal }: Options,
): Promise<Evidence> {
  const { from, to } = keysUnder([symbol])
  const decisive = new Map<UnixMs, Interruption>()
  let rows = await generation.page({ from, to, limit: rowsMax, reverse: true, signal })
  const [newest] = rows
  for (const { start, end } of spans) {
    const begunBefore = ({ value }: Interruption) => value.from < end
    if (rows.length === rowsMax && !rows.some(begunBefore)) {
      // Lets other requests, and the time limit, run between reads.
      await nextTurn()
      const older = encodeKey([symbol, end])
      rows = await generation.page({ from, to: older, limit: rowsMax, reverse: true, signal })
    }
    const decides = rows.find(begunBefore)
    if (decides !== undefined) decisive.set(start, decides)
  }
  return { newest, decisive }
}

/**
 * Reads the active generation of `interruptions`; undefined if there is none, or if it is of
 * another version: its rows may be in another order.
 */
export async function readInterruptions<T>(
  reader: ReadModelReader,
  signal: AbortSignal,
  read: (generation: Generation<InterruptionRow>) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await reader.read(interruptions, signal, async (generation) =>
      generation.info.version === interruptions.version ? await read(generation) : undefined,
    )
  } catch (error) {
    if (hasCode(error, 'READ_MODEL_NOT_FOUND')) return undefined
    throw error
  }
}

/**
 * Whether all trades of a span that were made by now are known. False if some may be missing, null
 * if nothing is known of that time.
 */
export function completenessOf(
  span: Span,
  { newest, decisive }: Evidence,
  reports: Reports,
): boolean | null {
  const decides = decisive.get(span.start)
  if (newest === undefined || decides === undefined) return null
  if (overlaps(decides.value, span)) return false
  const reported = reports.interruptionsOf(newest.value.source)
  if (reported.some((each) => !isEndedBy(newest, each) && overlaps(each, span))) return false
  return Math.min(span.end, reports.now) <= knownUntil(newest, reports)
}

const overlaps = (
  { from, until }: Readonly<{ from: UnixMs; until: UnixMs | null }>,
  { start, end }: Span,
): boolean => from < end && (until === null || until > start)

/** The log has the end of an interruption whose process is gone, in a row that covers it. */
const isEndedBy = (
  { value }: Interruption,
  { from, until, isLive }: ReturnType<Reports['interruptionsOf']>[number],
): boolean => until === null && !isLive && value.until !== null && value.until > from

/**
 * All trades of the symbol before this are in its candles, but for the interruptions. Without
 * reports, only what the newest interruption says is known: the feed was heard when it ended.
 */
function knownUntil({ key, value }: Interruption, reports: Reports): UnixMs {
  const partition = Number(decodeKey(key).at(-2))
  const ofLog = value.until ?? value.from
  const heardUntil = Math.max(reports.heardUntil(value.source) ?? ofLog, ofLog)
  const appliedUntil = [candles, interruptions].map(
    ({ name }) => reports.appliedUntil(name, partition) ?? ofLog,
  )
  return Math.min(heardUntil, ...appliedUntil)
}
