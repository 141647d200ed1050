import { setImmediate as nextTurn } from 'node:timers/promises'
import { TradelogError } from '../domain/errors.ts'
import type { EventType } from '../domain/event.ts'
import type { RecordedEvent } from '../domain/recorded-event.ts'
import type { EventStore } from '../event-store/event-store.ts'
import type { Skips } from './skips.ts'

type LogRange = Readonly<{ partition: number; from: number; to: number }>

export type LogReader = Readonly<{
  eventStore: EventStore
  batchEventsMax: number
  signal: AbortSignal
  skips: Skips
}>

/**
 * Calls `take` for every event of these types in a range of the log, in order, except for skipped
 * ones. Throws at an unreadable event, because what follows it could not be judged.
 */
export async function eachEvent(
  { eventStore, batchEventsMax, signal, skips }: LogReader,
  range: LogRange,
  types: readonly EventType[],
  take: (recorded: RecordedEvent) => void,
): Promise<void> {
  for await (const { events } of eventStore.read({ ...range, batchEventsMax, signal })) {
    signal.throwIfAborted()
    for (const record of events) {
      if (skips.has(record)) continue
      if (record.event.type === 'Unreadable') throw unreadable(record, record.event.reason)
      if (types.includes(record.event.type)) take(record as RecordedEvent)
    }
    await nextTurn()
  }
}

const unreadable = ({ partition, offset }: { partition: number; offset: number }, reason: string) =>
  new TradelogError(
    'EVENT_UNREADABLE',
    `partition ${partition}, offset ${offset} of the log can't be read: ${reason}`,
    { fields: { partition, offset, reason } },
  )
