import type { UnixMs } from './trade-executed.ts'

/**
 * When and where a trade is: executedAt, partition, offset. Trades are ordered by it, so that the
 * many trades of one millisecond have one order, whatever order they arrive in.
 */
export type TradePlace = readonly [executedAt: UnixMs, partition: number, offset: number]

type Placed = readonly [...TradePlace, ...unknown[]]

export function isBefore(a: Placed, b: Placed): boolean {
  if (a[0] !== b[0]) return a[0] < b[0]
  if (a[1] !== b[1]) return a[1] < b[1]
  return a[2] < b[2]
}
