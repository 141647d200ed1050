import type { TradelogEvent } from '../domain/event.ts'
import { partitionOf } from '../domain/partition.ts'
import type { LogRecord } from '../domain/recorded-event.ts'
import type { EventStore, PartitionBounds } from '../event-store/event-store.ts'
import { logTail } from './log-tail.ts'

type RecordedRows = Readonly<{
  /**
   * Skips the rows of files that the log has. Takes the others as appended from now on: callers
   * that can't append them have to start again. Rejects as the event store does, and has then taken
   * nothing.
   */
  passOver: (events: readonly TradelogEvent[]) => Promise<readonly TradelogEvent[]>
  /**
   * As `passOver`, when others may have appended since. Answers the same array if the log has none
   * of the events: an event store recognises it as a repetition.
   */
  passOverAgain: (events: readonly TradelogEvent[]) => Promise<readonly TradelogEvent[]>
}>

type Row = Readonly<{ hash: string; number: number }>

/**
 * Makes each row of a file be in the log once. The rows of a symbol reach the log in the order of
 * the file, so the highest of them shows that the log has all rows before it. That holds after any
 * kill, if fewer symbols were subscribed before, and in a log copied to other partitions.
 * `rejects --replay` numbers the trades that it brings back as the rows of a file.
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
    if (part === undefined || highest.has(symbol)) return
    for await (const { from, records } of logTail(eventStore, part, signal)) {
      for (const [each, number] of highestRows(records, row.hash)) {
        if (!highest.has(each)) highest.set(each, number)
      }
      part.to = from
      if (highest.has(symbol)) return
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

function highestRows(records: readonly LogRecord[], hash: string): ReadonlyMap<string, number> {
  const highest = new Map<string, number>()
  for (const { event } of records) {
    const row = event.type === 'TradeExecuted' ? rowOf(event.source) : undefined
    if (event.type !== 'TradeExecuted' || row?.hash !== hash) continue
    highest.set(event.symbol, Math.max(highest.get(event.symbol) ?? 0, row.number))
  }
  return highest
}

/** The inverse of `file:<hash>:<row>` and `rejects:<feed>:<plan>:<row>`. */
function rowOf(source: string): Row | undefined {
  if (!source.startsWith('file:') && !source.startsWith('rejects:')) return undefined
  const [hash = '', number] = source.split(':').slice(-2)
  return { hash, number: Number(number) }
}
