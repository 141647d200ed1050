import type { Projection } from '../../src/projections/projection.ts'
import { readModels } from '../../src/projections/read-models/index.ts'

/** What one seed tries: not everything at once, so that rare combinations of few things occur. */
export type Plan = Readonly<{
  projections: readonly Projection[]
  /** Rows and checkpoint in one transaction, or one by one. */
  isTransactional: boolean
  /** Rows of a commit are written in no order, even after one has moved. */
  isUnordered: boolean
  /** An append is one operation per partition. */
  appendsInParts: boolean
  /** Rows of a file that is fed to ingest. */
  feedRows: number
  /** Processes of the ingest role; one is elected. */
  ingests: number
  /** Processes that read pages and rows as the API does. */
  readers: number
  projectors: number
  commands: readonly ('replay' | 'rollback')[]
  appends: readonly number[]
  batchEventsMax: number
  gapsBelow: number
  /** Share of operations that fail: half of them with, half of them without their effect. */
  faultRate: number
  /** Share of writes that a driver repeats, as it lost the first answer. */
  repeatRate: number
  /** How many reads are stale. */
  staleReads: number
  /** Share of operations that take effect late. */
  slowRate: number
  crashes: number
  hangs: number
  rebalances: number
  /** Every process starts within this time. */
  spanMs: number
}>

export function planOf(random: () => number): Plan {
  const choose = (count: number) => Math.floor(random() * count)
  const oneOf = <T>(first: T, ...others: readonly T[]): T =>
    [first, ...others][choose(others.length + 1)] ?? first
  const times = <T>(count: number, make: () => T) => Array.from({ length: count }, make)
  const first = choose(readModels.length)
  return {
    projections: readModels.slice(first, first + oneOf(1, 1, 1, 2)),
    isTransactional: oneOf(true, false, false),
    isUnordered: oneOf(true, false),
    appendsInParts: oneOf(true, false),
    feedRows: oneOf(0, 0, 8, 20),
    ingests: oneOf(1, 2, 2),
    readers: oneOf(0, 0, 1, 2),
    projectors: oneOf(1, 2, 2, 3),
    commands: ['replay', ...times(choose(4), () => oneOf('replay' as const, 'rollback'))],
    appends: times(1 + choose(20), () => 1 + choose(3)),
    batchEventsMax: 1 + choose(6),
    gapsBelow: oneOf(1, 1, 3),
    faultRate: oneOf(0, 0, 0.01, 0.05),
    repeatRate: oneOf(0, 0, 0.02, 0.1),
    staleReads: oneOf(0, 0, 1, 4),
    slowRate: oneOf(0, 0.02, 0.1),
    crashes: oneOf(0, 1, 2, 4),
    hangs: oneOf(0, 0, 1, 3),
    rebalances: oneOf(0, 2, 6, 12),
    spanMs: oneOf(10, 300, 1_500, 6_000),
  }
}
