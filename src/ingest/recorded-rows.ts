import type { TradelogEvent } from '../domain/event.ts'
import { partitionOf } from '../domain/partition.ts'
import type { LogRecord } from '../domain/recorded-event.ts'
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
 * Makes each row of a file be in the log once. Rows reach a partition in the order of the file, so
 * the highest row of a partition says that it has all before: that is exact after any kill.
 */
export const createRecordedRows = (
  eventStore: Pick<EventStore, 'heads' | 'read'>,
  signal: AbortSignal,
): RecordedRows => {
  /** Per file, the highest row of each partition. */
  const highest = new Map<string, number[]>()

  const learn = async (hash: string) => {
    const rows: number[] = []
    for (const bounds of await eventStore.heads()) {
      rows[bounds.partition] = await highestRow(eventStore, bounds, hash, signal)
    }
    highest.set(hash, rows)
  }
  const isNew = ({ symbol, source }: TradelogEvent): boolean => {
    const row = rowOf(source)
    const rows = row && highest.get(row.hash)
    if (row === undefined || rows === undefined) return true
    const partition = partitionOf(symbol, rows.length)
    if (row.number <= (rows[partition] ?? 0)) return false
    rows[partition] = row.number
    return true
  }
  const passOver = async (events: readonly TradelogEvent[]) => {
    for (const { source } of events) {
      const hash = rowOf(source)?.hash
      if (hash !== undefined && !highest.has(hash)) await learn(hash)
    }
    return events.filter(isNew)
  }
  const passOverAgain = async (events: readonly TradelogEvent[]) => {
    highest.clear()
    const left = await passOver(events)
    return left.length === events.length ? events : left
  }
  return { passOver, passOverAgain }
}

/** Reads backwards in growing steps: a file that was being played is found near the head. */
const highestRow = async (
  eventStore: Pick<EventStore, 'read'>,
  { partition, start, head }: PartitionBounds,
  hash: string,
  signal: AbortSignal,
): Promise<number> => {
  let count = readEventsMin
  for (let to = head; to > start; count = Math.min(2 * count, readEventsMax)) {
    const from = Math.max(start, to - count)
    const range = { partition, from, to, batchEventsMax: readEventsMin, signal }
    let highest = 0
    for await (const { events } of eventStore.read(range)) {
      for (const record of events) highest = Math.max(highest, rowIn(record, hash))
    }
    if (highest > 0) return highest
    to = from
  }
  return 0
}

const rowIn = ({ event }: LogRecord, hash: string): number => {
  const row = event.type === 'TradeExecuted' ? rowOf(event.source) : undefined
  return row?.hash === hash ? row.number : 0
}

/** The inverse of `file:<hash>:<row>`. */
const rowOf = (source: string): Row | undefined => {
  if (!source.startsWith('file:')) return undefined
  const [, hash = '', number] = source.split(':')
  return { hash, number: Number(number) }
}
