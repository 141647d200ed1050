import { openEmbeddedEventStore } from '../../../src/event-store/embedded/embedded-event-store.ts'
import type { EventStore } from '../../../src/event-store/event-store.ts'
import { trade } from '../../support/trade.ts'

/** A process with an embedded log; reports to its parent what it does, until it is killed. */
const [directory = '', task = ''] = process.argv.slice(2)

/** Appends differ by their `source`, the events of one by their price. */
async function append(store: EventStore): Promise<void> {
  for (let i = 0; ; i++) {
    const source = `${process.pid}:${i}`
    const events = Array.from({ length: 30 }, (_, n) =>
      trade({ symbol: `SYMBOL${n % 5}`, price: String(n), source }),
    )
    await store.append(events)
    process.send?.(source)
  }
}

function follow(store: EventStore): void {
  const startFrom = async (bounds: readonly { partition: number }[]) =>
    new Map(bounds.map(({ partition }) => [partition, 0]))
  store.batches({ group: 'group', startFrom, batchEventsMax: 100 }).subscribe(({ events, ack }) => {
    process.send?.({ events: events.length, at: Date.now() })
    ack()
  })
}

/** Appends until the disk is full; reports the errors, what it appended and what the log holds. */
async function fill(store: EventStore): Promise<void> {
  const events = Array.from({ length: 1_000 }, (_, n) => trade({ price: String(n) }))
  const codes: string[] = []
  let appended = 0
  while (codes.length < 2) {
    try {
      await store.append(events)
      appended += events.length
    } catch (error) {
      codes.push((error as { code: string }).code)
    }
  }
  const heads = (await store.heads()).reduce((sum, { head }) => sum + head, 0)
  await store.close()
  process.send?.({ codes, appended, heads })
  process.disconnect()
}

const store = await openEmbeddedEventStore({ directory, partitions: 4 })
process.send?.('open')
if (task === 'append') await append(store)
else if (task === 'follow') follow(store)
else await fill(store)
