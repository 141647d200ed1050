import type { TradeExecuted } from '../src/domain/trade-executed.ts'
import { seededRandom } from '../test/support/random.ts'

export const partitions = 6
export const batchEvents = 1_000

/** Two in each of the six partitions. */
export const symbols = [
  'AAPL',
  'AMD',
  'AMZN',
  'GOOGL',
  'IBM',
  'INTC',
  'META',
  'MSFT',
  'NFLX',
  'NVDA',
  'ORCL',
  'TSLA',
]

const firstAt = 1_763_645_400_000
/** Mean time between trades: two thirds share their millisecond with the one before. */
const gapChance = 1 / 3
const gapMsMax = 120

const conditionLists = [[], ['1'], ['1', '12'], ['1', '8', '12']]

/** Seeded random walks, in arrays of a thousand: the same count always gives the same trades. */
export function* tradeBatches(count: number): Generator<readonly TradeExecuted[]> {
  const random = seededRandom(20)
  const cents = symbols.map((_, i) => 5_000 + i * 3_217)
  let executedAt = firstAt
  let row = 0
  const next = (): TradeExecuted => {
    if (random() < gapChance) executedAt += 1 + Math.floor(random() * gapMsMax)
    const i = Math.floor(random() * symbols.length)
    const price = Math.max(100, (cents[i] ?? 0) + Math.floor(random() * 21) - 10)
    cents[i] = price
    row++
    return {
      type: 'TradeExecuted',
      version: 1,
      symbol: symbols[i] ?? '',
      price: String(price / 100),
      volume: String(1 + Math.floor(random() * 400)),
      executedAt,
      conditions: conditionLists[Math.floor(random() * conditionLists.length)] ?? [],
      source: `file:5d1f0c6be1a93e77:${row}`,
    }
  }
  for (let left = count; left > 0; left -= batchEvents) {
    yield Array.from({ length: Math.min(left, batchEvents) }, next)
  }
}

/** A time between the first and the last of so many trades. */
export const timeAmong = (count: number, random: () => number): number =>
  firstAt + Math.floor(random() * count * gapChance * (gapMsMax / 2))

export function* inBatches<T>(items: Iterable<T>, length: number): Generator<readonly T[]> {
  let batch: T[] = []
  for (const item of items) {
    batch.push(item)
    if (batch.length < length) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
