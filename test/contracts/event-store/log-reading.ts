import type { LogRecord } from '../../../src/domain/recorded-event.ts'
import type { TradeExecuted } from '../../../src/domain/trade-executed.ts'
import type { EventStore, ReadOptions, Slice } from '../../../src/event-store/event-store.ts'
import { trade } from '../../support/trade.ts'

export const names = (count: number) => Array.from({ length: count }, (_, i) => `SYMBOL${i}`)

/** Events that differ by their price; the symbols take turns. */
export const numbered = (count: number, symbols = ['AAPL']): TradeExecuted[] =>
  Array.from({ length: count }, (_, i) =>
    trade({ symbol: symbols[i % symbols.length] ?? '', price: String(i + 1) }),
  )

export const asRecords = (events: readonly TradeExecuted[]) => events.map((event) => ({ event }))

export const eventsOf = (records: readonly Pick<LogRecord, 'event'>[], symbol: string) =>
  records
    .map(({ event }) => event)
    .filter((event) => event.type === 'TradeExecuted' && event.symbol === symbol)

export const recordsOf = (slices: readonly Slice[]) => slices.flatMap(({ events }) => events)

export async function slicesOf(store: EventStore, options: ReadOptions): Promise<Slice[]> {
  const slices: Slice[] = []
  for await (const slice of store.read(options)) slices.push(slice)
  return slices
}

export async function readAll(store: EventStore): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  for (const { partition, start: from, head: to } of await store.heads()) {
    records.push(
      ...recordsOf(await slicesOf(store, { partition, from, to, batchEventsMax: 1_000 })),
    )
  }
  return records
}

export async function longest(store: EventStore) {
  const [first] = [...(await store.heads())].sort((a, b) => b.head - a.head)
  if (first === undefined) throw new Error('the log has no partition')
  return first
}

export const byPosition = (records: readonly LogRecord[]) =>
  [...records].sort((a, b) => a.partition - b.partition || a.offset - b.offset)

export function elect(store: EventStore, role = 'ingest') {
  const states: boolean[] = []
  let failure: unknown
  let complete = false
  const subscription = store.elect(role).subscribe({
    next: (elected) => states.push(elected),
    error: (error) => {
      failure = error
    },
    complete: () => {
      complete = true
    },
  })
  return {
    states,
    elected: () => states.at(-1) === true,
    error: () => failure,
    completed: () => complete,
    resign: () => subscription.unsubscribe(),
  }
}
