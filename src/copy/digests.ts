import { createHash, type Hash } from 'node:crypto'
import { partitionOf } from '../domain/partition.ts'
import type { RawRecord } from '../domain/recorded-event.ts'

/** Records are compared in order within a lane: those of a symbol, or those of a partition. */
export type LaneOf = (record: RawRecord) => string

/** A digest of each lane's records in their order; the order of the lanes doesn't matter. */
export type Digests = Readonly<{
  add: (record: RawRecord) => void
  count: (lane: string) => number
  of: (lane: string) => string
  names: () => readonly string[]
  lanes: () => number
  records: () => number
  /** The digest of all lanes so far. */
  total: () => string
}>

export const partitionLane: LaneOf = ({ partition }) => `partition ${partition}`

/**
 * A symbol's records are in one partition. Foreign records, without a key or in another partition,
 * are in order only among those of the same key and partition.
 */
export const symbolLane =
  (partitions: number): LaneOf =>
  (record) =>
    isAtHome(record, partitions) ? (record.key ?? '') : `\u0000${record.partition} ${record.key}`

/** Whether a record is in the partition of its symbol. */
export const isAtHome = ({ key, partition }: RawRecord, partitions: number): boolean =>
  key !== null && partitionOf(key, partitions) === partition

export function createDigests(laneOf: LaneOf): Digests {
  const lanes = new Map<string, { count: number; hash: Hash }>()
  let records = 0
  const of = (lane: string) => lanes.get(lane)?.hash.copy().digest('hex') ?? ''
  return {
    add: (record) => {
      const name = laneOf(record)
      const lane = lanes.get(name) ?? { count: 0, hash: createHash('sha256') }
      lane.hash.update(textOf(record))
      lane.count += 1
      lanes.set(name, lane)
      records += 1
    },
    count: (lane) => lanes.get(lane)?.count ?? 0,
    of,
    names: () => [...lanes.keys()],
    lanes: () => lanes.size,
    records: () => records,
    total: () => {
      const sum = createHash('sha256')
      for (const lane of [...lanes.keys()].sort()) sum.update(JSON.stringify([lane, of(lane)]))
      return sum.digest('hex')
    },
  }
}

/** Contains the length, so that no two sequences of records give the same text. */
const textOf = ({ recordedAt, value }: RawRecord): string =>
  value === null ? `${recordedAt} -;` : `${recordedAt} ${value.length} ${value};`
