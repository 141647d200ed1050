import type { LogRecord, RecordedEvent } from '../../domain/recorded-event.ts'
import type { UnixMs } from '../../domain/time.ts'
import type { EventStore, PartitionBounds } from '../../event-store/event-store.ts'
import { logTail } from '../log-tail.ts'

type Log = Pick<EventStore, 'heads' | 'read'>

/** What the log tells at the start of a term. */
export type LogEvidence = Readonly<{
  /** Until when a feed was heard; undefined if the log has no event. */
  heardUntil: UnixMs | undefined
  /** Of symbols that were interrupted after that: when the latest interruption began or ended. */
  interruptedUntil: ReadonlyMap<string, UnixMs>
}>

/** Clocks of processes that fill a log one after the other differ by less. */
const clocksDifferMsMax = 10_000

/**
 * Looks for the newest events of the feed. A feed that the log has no event of was heard no later
 * than any other. Interruptions, of any feed, are recorded after they have begun: so those that
 * matter are near the head too.
 */
export async function evidenceOf(
  log: Log,
  source: string,
  signal: AbortSignal,
): Promise<LogEvidence> {
  const interruptedUntil = new Map<string, UnixMs>()
  const tails = (await log.heads()).map((bounds) =>
    tailOf(log, bounds, signal, (records) => noteInterruptions(interruptedUntil, records)),
  )
  const read = (tail: Tail) => tail.read()
  const ofFeed = await heardUntil(tails, { read, counts: isOf(source) })
  const again = (tail: Tail) => tail.readAgain()
  const until = ofFeed ?? (await heardUntil(tails, { read: again, counts: isReadable }))
  for (const tail of tails) await tail.readUntil((until ?? 0) - clocksDifferMsMax)
  return { heardUntil: until, interruptedUntil }
}

type Tail = Readonly<{
  /** Records from the head backwards, or from where the last one ended, step by step. */
  read: () => AsyncIterable<readonly LogRecord[]>
  /** As if nothing was read before. */
  readAgain: () => AsyncIterable<readonly LogRecord[]>
  /** Reads on to a record that was recorded before this. */
  readUntil: (recordedBefore: UnixMs) => Promise<void>
}>

function tailOf(
  log: Log,
  { partition, start, head }: PartitionBounds,
  signal: AbortSignal,
  note: (records: readonly LogRecord[]) => void,
): Tail {
  let to = head
  let oldestAt: UnixMs = Number.POSITIVE_INFINITY
  async function* read() {
    for await (const { from, records } of logTail(log, { partition, start, to }, signal)) {
      note(records)
      to = from
      oldestAt = records[0]?.recordedAt ?? oldestAt
      yield records
    }
  }
  async function* readAgain() {
    for await (const { records } of logTail(log, { partition, start, to: head }, signal)) {
      yield records
    }
  }
  const readUntil = async (recordedBefore: UnixMs) => {
    if (oldestAt < recordedBefore) return
    for await (const _ of read()) if (oldestAt < recordedBefore) return
  }
  return { read, readAgain, readUntil }
}

function noteInterruptions(until: Map<string, UnixMs>, records: readonly LogRecord[]): void {
  for (const { event } of records) {
    if (event.type !== 'FeedInterrupted') continue
    const latest = Math.max(event.from, event.until ?? 0, until.get(event.symbol) ?? 0)
    until.set(event.symbol, latest)
  }
}

type Search = Readonly<{
  read: (tail: Tail) => AsyncIterable<readonly LogRecord[]>
  counts: Filter
}>

/**
 * Until when the log shows that a feed was heard; undefined if the log has no such event. While
 * ingest ran it listened to every symbol, so the newest events of all partitions count. A kill may
 * have cut the last append short: a partition may lack events that are earlier than those which
 * another has. So of the appends before it the latest event counts. Of the last one only the
 * earliest does, if there is only one partition, or nothing else.
 */
async function heardUntil(tails: readonly Tail[], search: Search): Promise<UnixMs | undefined> {
  const newest: RecordedEvent[] = []
  let enough = 0
  for (const tail of tails) {
    const records = await newestOf(tail, search, enough)
    newest.push(...records)
    enough = Math.max(enough, records[0]?.recordedAt ?? 0)
  }
  if (newest.length === 0) return undefined
  const lastAt = newest.reduce((last, { recordedAt }) => Math.max(last, recordedAt), 0)
  let latest = 0
  let earliest = Number.POSITIVE_INFINITY
  for (const record of newest) {
    if (record.recordedAt < lastAt) latest = Math.max(latest, heardAt(record))
    else earliest = Math.min(earliest, heardAt(record))
  }
  return latest === 0 || tails.length === 1 ? Math.max(latest, earliest) : latest
}

/**
 * Until when an event shows that the feed was heard. A trade may have waited long before it was
 * recorded, and the trades that waited behind it are lost: so the time of the trade counts if it is
 * earlier. An interruption only shows that the feed was heard before it: a kill may have prevented
 * the interruptions of other symbols.
 */
const heardAt = ({ recordedAt, event }: RecordedEvent): UnixMs =>
  event.type === 'FeedInterrupted' ? event.from : Math.min(event.executedAt, recordedAt)

/**
 * What the last append of the feed that reached the partition has put there, and at least one event
 * of those before it. It ends as soon as all else was recorded before `enough`.
 */
async function newestOf(
  tail: Tail,
  { read, counts }: Search,
  enough: UnixMs,
): Promise<readonly RecordedEvent[]> {
  let found: readonly RecordedEvent[] = []
  for await (const records of read(tail)) {
    found = [...records.filter(counts), ...found]
    const last = found.at(-1)?.recordedAt
    if (found.some(({ recordedAt }) => recordedAt !== last)) break
    if ((records[0]?.recordedAt ?? 0) < enough) break
  }
  return found
}

type Filter = (record: LogRecord) => record is RecordedEvent

const isReadable: Filter = (record): record is RecordedEvent => record.event.type !== 'Unreadable'

const isOf =
  (source: string): Filter =>
  (record): record is RecordedEvent =>
    isReadable(record) && record.event.source === source

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
