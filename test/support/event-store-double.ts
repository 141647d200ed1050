import { concat, NEVER, type Observable, of } from 'rxjs'
import type { TradelogEvent } from '../../src/domain/event.ts'
import type { FeedInterrupted } from '../../src/domain/feed-interrupted.ts'
import { partitionOf } from '../../src/domain/partition.ts'
import type { LogRecord } from '../../src/domain/recorded-event.ts'
import type { TradeExecuted } from '../../src/domain/trade-executed.ts'
import type { EventStore } from '../../src/event-store/event-store.ts'

type Appended = readonly TradelogEvent[]

/** What ingest needs of an event store, in memory; every append can be made to fail or to wait. */
export function eventStoreDouble({
  partitions = 3,
  election = concat(of(true), NEVER) as Observable<boolean>,
  now = (): number => 0,
} = {}) {
  const log: LogRecord[][] = Array.from({ length: partitions }, () => [])
  /** Every array that append was called with, also those that failed. */
  const calls: Appended[] = []
  let beforeAppend: (events: Appended) => Promise<void> = async () => {}
  let afterAppend: () => Promise<void> = async () => {}
  const done = new Set<Appended>()

  const write = (events: Appended) => {
    if (done.has(events)) return
    done.add(events)
    for (const event of events) {
      const partition = partitionOf(event.symbol, partitions)
      const records = log[partition] ?? []
      records.push({ partition, offset: records.length, recordedAt: now(), event })
    }
  }
  const store: Pick<EventStore, 'append' | 'heads' | 'read' | 'elect'> = {
    append: async (events) => {
      calls.push(events)
      await beforeAppend(events)
      write(events)
      await afterAppend()
    },
    heads: async () =>
      log.map(({ length }, partition) => ({ partition, start: 0, head: length, origin: null })),
    read: async function* ({ partition, from, to, batchEventsMax }) {
      for (let at = from; at < to; at += batchEventsMax) {
        const end = Math.min(to, at + batchEventsMax)
        yield { partition, from: at, to: end, events: log[partition]?.slice(at, end) ?? [] }
      }
    },
    elect: () => election,
  }
  return {
    ...store,
    calls,
    log,
    /** All trades, partition by partition. */
    events: (): TradeExecuted[] =>
      log.flat().flatMap(({ event }) => (event.type === 'TradeExecuted' ? [event] : [])),
    interruptions: (): FeedInterrupted[] =>
      log.flat().flatMap(({ event }) => (event.type === 'FeedInterrupted' ? [event] : [])),
    /** Runs before the events are written: to fail or to wait there. */
    beforeAppend: (step: typeof beforeAppend) => {
      beforeAppend = step
    },
    /** Runs when the events are written: to fail as if the answer was lost. */
    afterAppend: (step: typeof afterAppend) => {
      afterAppend = step
    },
  }
}
