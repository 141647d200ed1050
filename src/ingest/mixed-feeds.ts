import type { EventStore } from '../event-store/event-store.ts'

/**
 * Whether a log that ends with simulated trades is about to get others, or the other way round: they
 * would stay in the same candles for ever. Looks at the last event of each partition.
 */
export async function mixesFeeds(
  log: Pick<EventStore, 'heads' | 'read'>,
  source: string,
  signal: AbortSignal,
): Promise<boolean> {
  for (const { partition, start, head } of await log.heads()) {
    if (head === start) continue
    const range = { partition, from: head - 1, to: head, batchEventsMax: 1, signal }
    for await (const { events } of log.read(range)) {
      for (const { event } of events) {
        if (event.type !== 'Unreadable' && isSimulated(event.source) !== isSimulated(source)) {
          return true
        }
      }
    }
  }
  return false
}

const isSimulated = (source: string): boolean => source === 'simulated'
