import type { FeedInterrupted } from '../domain/feed-interrupted.ts'
import type { LogRecord, RecordedEvent } from '../domain/recorded-event.ts'
import type { UnixMs } from '../domain/time.ts'
import type { EventStore, PartitionBounds } from '../event-store/event-store.ts'
import type { Interruption } from './connection/listening.ts'
import { logTail } from './log-tail.ts'

type Log = Pick<EventStore, 'heads' | 'read'>

/** An interruption as the log keeps it: one event for each symbol. */
export const interruptionsOf = (
  { from, until, reason }: Interruption,
  { symbols, source }: Readonly<{ symbols: readonly string[]; source: string }>,
): readonly FeedInterrupted[] =>
  Array.from(new Set(symbols), (symbol) => ({
    type: 'FeedInterrupted',
    version: 2,
    symbol,
    from,
    until,
    reason,
    source,
  }))

/**
 * Until when the log shows that this feed was heard; undefined if the log has no event of the feed.
 * While ingest ran it listened to every symbol, so the newest events of all partitions count. A
 * kill may have cut the last append short, so that trades are missing before the newest that are
 * there: of the last append only the earliest event counts, of those before it the latest.
 */
export async function heardUntil(
  log: Log,
  source: string,
  signal: AbortSignal,
): Promise<UnixMs | undefined> {
  const newest: RecordedEvent[] = []
  let enough = 0
  for (const bounds of await log.heads()) {
    const records = await newestOf(log, bounds, { source, enough, signal })
    newest.push(...records)
    enough = Math.max(enough, records[0]?.recordedAt ?? 0)
  }
  if (newest.length === 0) return undefined
  const lastAt = newest.reduce((last, { recordedAt }) => Math.max(last, recordedAt), 0)
  let latest = 0
  let earliest = Number.POSITIVE_INFINITY
  for (const record of newest) {
    if (record.recordedAt < lastAt) latest = Math.max(latest, evidenceOf(record))
    else earliest = Math.min(earliest, evidenceOf(record))
  }
  return Math.max(latest, earliest)
}

/**
 * Until when an event shows that the feed was heard. A trade may have waited long before it was
 * recorded, and the trades that waited behind it are lost: so the time of the trade counts if it is
 * earlier. An interruption only shows that the feed was heard before it: a kill may have prevented
 * the interruptions of other symbols.
 */
const evidenceOf = ({ recordedAt, event }: RecordedEvent): UnixMs =>
  event.type === 'FeedInterrupted' ? event.from : Math.min(event.executedAt, recordedAt)

/**
 * What the last append of the feed that reached the partition has put there, and at least one event
 * of those before it. It ends as soon as all else was recorded before `enough`.
 */
async function newestOf(
  log: Log,
  { partition, start, head }: PartitionBounds,
  { source, enough, signal }: Readonly<{ source: string; enough: UnixMs; signal: AbortSignal }>,
): Promise<readonly RecordedEvent[]> {
  let found: readonly RecordedEvent[] = []
  for await (const { records } of logTail(log, { partition, start, to: head }, signal)) {
    found = [...records.filter(isOf(source)), ...found]
    const last = found.at(-1)?.recordedAt
    if (found.some(({ recordedAt }) => recordedAt !== last)) break
    if ((records[0]?.recordedAt ?? 0) < enough) break
  }
  return found
}

const isOf =
  (source: string) =>
  (record: LogRecord): record is RecordedEvent =>
    record.event.type !== 'Unreadable' && record.event.source === source

/**
 * Whether a log that ends with simulated trades is about to get others, or the other way round:
 * they would stay in the same candles for ever. Looks at the last event of each partition.
 */
export async function mixesFeeds(log: Log, source: string, signal: AbortSignal): Promise<boolean> {
  for (const { partition, start, head } of await log.heads()) {
    for await (const { records } of logTail(log, { partition, start, to: head }, signal, 1)) {
      const event = records.at(-1)?.event
      if (event === undefined || event.type === 'Unreadable') break
      if (isSimulated(event.source) !== isSimulated(source)) return true
      break
    }
  }
  return false
}

const isSimulated = (source: string): boolean => source === 'simulated'
