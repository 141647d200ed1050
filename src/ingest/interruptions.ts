import type { FeedInterrupted } from '../domain/feed-interrupted.ts'
import type { LogRecord } from '../domain/recorded-event.ts'
import type { UnixMs } from '../domain/trade-executed.ts'
import type { EventStore, PartitionBounds } from '../event-store/event-store.ts'
import type { Gap } from './listening.ts'

type Log = Pick<EventStore, 'heads' | 'read'>

/** A gap as the facts that the log keeps of it: one for each symbol. */
export const interruptionsOf = (
  { from, until, reason }: Gap,
  { symbols, source }: Readonly<{ symbols: readonly string[]; source: string }>,
): readonly FeedInterrupted[] =>
  Array.from(new Set(symbols), (symbol) => ({
    type: 'FeedInterrupted',
    version: 1,
    symbol,
    from,
    until,
    reason,
    source,
  }))

/**
 * Up to when the log shows that the feed was heard: undefined where the log is empty. While ingest
 * ran it heard every symbol, so the newest events of all partitions count. A kill may have left out
 * a part of the last append, and then the log has later trades than it lacks: so of the last append
 * only the earliest event is believed, and of those before it the latest.
 */
export const heardUntil = async (log: Log, signal: AbortSignal): Promise<UnixMs | undefined> => {
  const newest: LogRecord[] = []
  for (const bounds of await log.heads()) newest.push(...(await newestOf(log, bounds, signal)))
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
 * Up to when an event shows that the feed was heard. A trade may have waited long before it was
 * recorded, and what waited behind it is lost: so the time of the trade counts where it is earlier,
 * but for a file's, whose trades are old. An interruption shows only that the feed was heard before it:
 * a kill may have left out those of other symbols.
 */
const evidenceOf = ({ recordedAt, event }: LogRecord): UnixMs => {
  if (event.type === 'FeedInterrupted') return event.from
  if (event.type !== 'TradeExecuted' || event.source.startsWith('file:')) return recordedAt
  return Math.min(event.executedAt, recordedAt)
}

const readEventsMin = 1_000

/** The last append that reached the partition, and at least one event of those before it. */
const newestOf = async (
  log: Log,
  { partition, start, head }: PartitionBounds,
  signal: AbortSignal,
): Promise<readonly LogRecord[]> => {
  for (let count = readEventsMin; ; count *= 2) {
    const from = Math.max(start, head - count)
    const range = { partition, from, to: head, batchEventsMax: readEventsMin, signal }
    const records: LogRecord[] = []
    for await (const { events } of log.read(range)) records.push(...events)
    const last = records.at(-1)
    if (from === start || records.some(({ recordedAt }) => recordedAt !== last?.recordedAt)) {
      return records
    }
  }
}
