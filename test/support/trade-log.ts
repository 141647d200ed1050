import * as fc from 'fast-check'
import type { TradelogEvent } from '../../src/domain/event.ts'
import type { RecordedEvent } from '../../src/domain/recorded-event.ts'
import type { Slice } from '../../src/event-store/event-store.ts'
import { interruption, trade } from './trade.ts'

/** A log in the order in which its events arrived: offsets rise in each partition, some unused. */
export type TradeLog = readonly RecordedEvent[]

/** An hour's first millisecond. */
const base = 1_763_643_600_000

const hourMs = 3_600_000

const symbols = ['A', 'A', 'A', 'A', 'BINANCE:BTCUSDT', '__proto__']

/** Few, so that milliseconds are shared; around borders of minutes, hours and days. */
const times = [0, 0, 0, 1, 2, 59_999, 60_000, -1, hourMs, 3 * hourMs, -20 * hourMs]

const prices = [
  '1',
  '2',
  '2',
  '3.5',
  '2.50',
  '0',
  '-1.25',
  '0.1',
  '0.000000001',
  '1000000000000000',
]

const volumes = ['0', '0', '1', '1', '3', '0.3', '0.000000001', '1000000000000000']

const extremes = ['9007199254740993', `1${'0'.repeat(308)}`, `0.${'0'.repeat(323)}5`]

const arrival = fc.record({
  symbol: fc.constantFrom(...symbols),
  executedAt: fc.constantFrom(...times).map((ms) => base + ms),
  price: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...prices) },
    fc.constantFrom(...extremes),
  ),
  volume: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...volumes) },
    fc.constantFrom(...extremes),
  ),
  partition: fc.nat(2),
  /** How many offsets are unused before this event. */
  gap: fc.constantFrom(0, 0, 0, 0, 2),
  /** Equal events in a row. */
  times: fc.constantFrom(1, 1, 1, 1, 3),
  /** Sometimes instead of a trade: how long the feed was interrupted. */
  interruptedMs: fc.constantFrom(null, null, null, null, null, null, null, 0, 1, 60_000),
  /** Whether an interruption is recorded while it goes on. */
  isOpen: fc.constantFrom(false, false, true),
})

/**
 * Logs with everything that real feeds do to a fold: several symbols over several partitions (one
 * symbol in several, too), shared milliseconds, late and equal trades, extreme numbers,
 * interruptions.
 */
export const tradeLogs = (arrivalsMax: number): fc.Arbitrary<TradeLog> =>
  fc.array(arrival, { maxLength: arrivalsMax, size: 'max' }).map((arrivals) => {
    const heads = [0, 0, 0]
    return arrivals.flatMap(({ partition, gap, times, ...fields }) =>
      Array.from({ length: times }, (_, i) => {
        const offset = (heads[partition] ?? 0) + (i === 0 ? gap : 0)
        heads[partition] = offset + 1
        return { partition, offset, recordedAt: base, event: eventOf(fields) }
      }),
    )
  })

type Fields = Readonly<{
  symbol: string
  executedAt: number
  price: string
  volume: string
  interruptedMs: number | null
  isOpen: boolean
}>

function eventOf({ interruptedMs, isOpen, ...fields }: Fields): TradelogEvent {
  const { symbol, executedAt: until } = fields
  if (interruptedMs === null) return trade(fields)
  return interruption({ symbol, from: until - interruptedMs, until: isOpen ? null : until })
}

/** Chooses the next partition of so many, and how many of its so many events. */
export type Schedule = Readonly<{
  partition: (count: number) => number
  events: (count: number) => number
}>

/** One partition after the other, each in one piece. */
export const inOnePiece: Schedule = { partition: () => 0, events: (count) => count }

/** Cut into pieces as the numbers say, over and over; each has at least one event. */
export const cutBy = (numbers: readonly number[]): Schedule => ({
  ...inOnePiece,
  events: chooser(numbers, 1),
})

/** One event at a time, from the partitions that the numbers choose. */
export const interleavedBy = (numbers: readonly number[]): Schedule => ({
  partition: chooser(numbers, 0),
  events: () => 1,
})

/** Partitions and pieces as the numbers say. */
export const mixedBy = (numbers: readonly number[]): Schedule => ({
  partition: chooser(numbers, 0),
  events: chooser(numbers.toReversed(), 1),
})

export const scheduleNumbers = fc.array(fc.nat(20), { minLength: 1, maxLength: 12 })

function chooser(numbers: readonly number[], least: number) {
  let at = 0
  return (count: number) => least + ((numbers[at++ % numbers.length] ?? 0) % count)
}

/** The next slice of the events after a checkpoint; undefined at the end of the log. */
export function nextSlice(
  log: TradeLog,
  nextOf: (partition: number) => number,
  schedule: Schedule,
): (Slice & { origin: string }) | undefined {
  const open = partitionsOf(log).filter((events) => restOf(events, nextOf).length > 0)
  if (open.length === 0) return undefined
  const rest = restOf(open[schedule.partition(open.length)] ?? [], nextOf)
  const events = rest.slice(0, schedule.events(rest.length))
  const [first] = events
  const last = events.at(-1)
  if (first === undefined || last === undefined) return undefined
  const { partition } = first
  return { partition, from: nextOf(partition), to: last.offset + 1, events, origin: 'log' }
}

const partitionsOf = (log: TradeLog): readonly TradeLog[] =>
  [0, 1, 2].map((partition) => log.filter((recorded) => recorded.partition === partition))

const restOf = (events: TradeLog, nextOf: (partition: number) => number): TradeLog =>
  events.filter(({ partition, offset }) => offset >= nextOf(partition))
