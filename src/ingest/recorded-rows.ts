import type { TradelogEvent } from '../domain/event.ts'
import { partitionOf } from '../domain/partition.ts'
import type { EventStore, PartitionBounds } from '../event-store/event-store.ts'

export type RecordedRows = Readonly<{
  /**
   * Leaves out the rows of files that the log has, and takes the others as appended from now on:
   * whoever can't append them has to begin anew. Rejects as the event store does, and has then
   * taken nothing.
   */
  passOver: (events: readonly TradelogEvent[]) => Promise<readonly TradelogEvent[]>
  /**
   * As `passOver`, where others may have appended since. Gives the same array where the log has
   * none of it: an event store takes that for the repetition that it may be.
   */
  passOverAgain: (events: readonly TradelogEvent[]) => Promise<readonly TradelogEvent[]>
}>

type Row = Readonly<{ hash: string; number: number }>

const readEventsMin = 1_000
const readEventsMax = 64_000

/**
 * Makes each row of a file be in the log once. The rows of a symbol reach the log in the order of
 * the file, so the highest of them says that it has all before. That is exact after any kill, where
 * fewer symbols were subscribed before, and in a log copied to other partitions.
 */
export function createRecordedRows(
  eventStore: Pick<EventStore, 'heads' | 'read'>,
  signal: AbortSignal,
): RecordedRows {
  const files = new Map<string, RowsOfFile>()

  const rowsOfFile = async (hash: string): Promise<RowsOfFile> => {
    const known = files.get(hash)
    if (known !== undefined) return known
    const unread = (await eventStore.heads()).map((bounds) => ({ ...bounds, to: bounds.head }))
    const rows = { unread, highest: new Map() }
    files.set(hash, rows)
    return rows
  }
  const isUnknown = ({ symbol, source }: TradelogEvent): boolean => {
    const row = rowOf(source)
    return row !== undefined && !files.get(row.hash)?.highest.has(symbol)
  }
  const learn = async ({ symbol, source }: TradelogEvent) => {
    const row = rowOf(source)
    if (row === undefined) return
    const { unread, highest } = await rowsOfFile(row.hash)
    const part = unread[partitionOf(symbol, unread.length)]
    if (part === undefined) return
    for (let count = readEventsMin; !highest.has(symbol) && part.to > part.start; count *= 2) {
      const read = await readBack(
        eventStore,
        part,
        row.hash,
        Math.min(count, readEventsMax),
        signal,
      )
      for (const [each, number] of read) if (!highest.has(each)) highest.set(each, number)
    }
  }
  const isNew = ({ symbol, source }: TradelogEvent): boolean => {
    const row = rowOf(source)
    const highest = row && files.get(row.hash)?.highest
    if (row === undefined || highest === undefined) return true
    if (row.number <= (highest.get(symbol) ?? 0)) return false
    highest.set(symbol, row.number)
    return true
  }
  const passOver = async (events: readonly TradelogEvent[]) => {
    for (const event of events) if (isUnknown(event)) await learn(event)
    return events.filter(isNew)
  }
  const passOverAgain = async (events: readonly TradelogEvent[]) => {
    files.clear()
    const left = await passOver(events)
    return left.length === events.length ? events : left
  }
  return { passOver, passOverAgain }
}

/** Of one file: the highest row in the log by symbol, of what of each partition has been read. */
type RowsOfFile = Readonly<{ unread: readonly Unread[]; highest: Map<string, number> }>

/** What lies before `to` hasn't been read: a file that was being played is found near the head. */
type Unread = PartitionBounds & { to: number }

/** The highest row of each symbol among so many events before those that were read. */
async function readBack(
  eventStore: Pick<EventStore, 'read'>,
  part: Unread,
  hash: string,
  count: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const { partition, to } = part
  const from = Math.max(part.start, to - count)
  const range = { partition, from, to, batchEventsMax: readEventsMin, signal }
  const highest = new Map<string, number>()
  for await (const { events } of eventStore.read(range)) {
    for (const { event } of events) {
      if (event.type !== 'TradeExecuted') continue
      const row = rowOf(event.source)
      if (row?.hash !== hash) continue
      highest.set(event.symbol, Math.max(highest.get(event.symbol) ?? 0, row.number))
    }
  }
  part.to = from
  return highest
}

/** The inverse of `file:<hash>:<row>`. */
function rowOf(source: string): Row | undefined {
  if (!source.startsWith('file:')) return undefined
  const [, hash = '', number] = source.split(':')
  return { hash, number: Number(number) }
}
