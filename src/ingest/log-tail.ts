import type { LogRecord } from '../domain/recorded-event.ts'
import type { EventStore } from '../event-store/event-store.ts'

export type LogRange = Readonly<{ partition: number; start: number; to: number }>

const firstStepEvents = 1_000
const stepEventsMax = 64_000

/**
 * A partition read backwards from `to` to `start`, in steps that grow: what is looked for mostly
 * lies near the head. Gives the records of each step in the order of their offsets, and where it
 * begins.
 */
export async function* logTail(
  log: Pick<EventStore, 'read'>,
  { partition, start, to: end }: LogRange,
  signal: AbortSignal,
  firstEvents = firstStepEvents,
): AsyncGenerator<Readonly<{ from: number; records: readonly LogRecord[] }>> {
  let events = firstEvents
  for (let to = end; to > start; events = Math.min(2 * events, stepEventsMax)) {
    const from = Math.max(start, to - events)
    const range = { partition, from, to, batchEventsMax: firstStepEvents, signal }
    const records: LogRecord[] = []
    for await (const slice of log.read(range)) records.push(...slice.events)
    yield { from, records }
    to = from
  }
}
