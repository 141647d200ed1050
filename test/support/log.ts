import type { LogRecord } from '../../src/domain/recorded-event.ts'
import type { EventStore } from '../../src/event-store/event-store.ts'

/** Everything that a log holds, by partition and offset. */
export async function recordsOf(store: EventStore): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = []
  for (const { partition, start, head } of await store.heads()) {
    const slices = store.read({ partition, from: start, to: head, batchEventsMax: 1_000 })
    for await (const { events } of slices) records.push(...events)
  }
  return records
}
