import type { Cluster } from 'kafkajs'
import { TradelogError } from '../domain/errors.ts'

/** A record as kafkajs decodes it. */
export type KafkaRecord = Readonly<{
  offset: string
  timestamp: string
  key: Buffer | null
  value: Buffer | null
  isControlRecord: boolean
  batchContext: Readonly<{ producerId: string; inTransaction: boolean }>
}>

/** What one fetch gave of one partition: without control records, aborted ones and earlier ones. */
export type Chunk = Readonly<{
  partition: number
  from: number
  to: number
  /** The first record from `from` on, whatever it is. */
  first: KafkaRecord | undefined
  records: readonly KafkaRecord[]
}>

export type FetchOptions = Readonly<{
  topic: string
  /** The next offset of each partition. */
  positions: ReadonlyMap<number, number>
  waitMs: number
  partitionBytesMax: number
  totalBytesMax: number
}>

type AbortedTransaction = Readonly<{ producerId: string; firstOffset: string }>
type FetchedPartition = Readonly<{
  partition: number
  abortedTransactions: readonly AbortedTransaction[] | null
  messages: readonly KafkaRecord[]
}>
type FetchResponse = Readonly<{
  responses: readonly Readonly<{ partitions: readonly FetchedPartition[] }>[]
}>

/** Groups partitions by the broker that leads them; throws where one has no leader. */
export const leadersOf = (
  cluster: Cluster,
  topic: string,
  partitions: readonly number[],
): readonly (readonly [nodeId: string, partitions: readonly number[]])[] => {
  const leaders = Object.entries(cluster.findLeaderForPartitions(topic, [...partitions]))
  if (leaders.flatMap(([, led]) => led).length < partitions.length) {
    throw new TradelogError('EVENT_STORE_UNAVAILABLE', `a partition of ${topic} has no leader`)
  }
  return leaders
}

/**
 * One fetch from one broker, outside of any group: what is committed, from the positions on, and
 * nothing where nothing came within `waitMs`. An offset that is no more, or not yet, rejects.
 */
export const fetchFrom = async (
  cluster: Cluster,
  nodeId: string,
  { topic, positions, waitMs, partitionBytesMax, totalBytesMax }: FetchOptions,
): Promise<readonly Chunk[]> => {
  const broker = await cluster.findBroker({ nodeId })
  const partitions = [...positions].map(([partition, offset]) => ({
    partition,
    fetchOffset: String(offset),
    maxBytes: partitionBytesMax,
  }))
  const { responses }: FetchResponse = await broker.fetch({
    maxWaitTime: waitMs,
    minBytes: 1,
    maxBytes: totalBytesMax,
    isolationLevel: readCommitted,
    topics: [{ topic, partitions }],
    rackId: '',
  })
  return responses
    .flatMap((response) => response.partitions)
    .map((fetched) => chunkOf(fetched, positions.get(fetched.partition) ?? 0))
    .filter(({ from, to }) => to > from)
}

const readCommitted = 1

const chunkOf = (
  { partition, messages, abortedTransactions }: FetchedPartition,
  from: number,
): Chunk => {
  const last = messages.at(-1)
  const to = last === undefined ? from : Math.max(from, Number(last.offset) + 1)
  const first = messages.find(({ offset }) => Number(offset) >= from)
  const records = committed(messages, abortedTransactions ?? [], from)
  return { partition, from, to, first, records }
}

/**
 * A transaction is aborted from its first offset to the control record of its producer; one that
 * began before the fetch is listed too.
 */
const committed = (
  records: readonly KafkaRecord[],
  transactions: readonly AbortedTransaction[],
  from: number,
): readonly KafkaRecord[] => {
  const isPlain = transactions.length === 0 && Number(records[0]?.offset ?? from) >= from
  if (isPlain) return records.filter(({ isControlRecord }) => !isControlRecord)
  const begins = transactions
    .map(({ producerId, firstOffset }) => ({ producerId, first: Number(firstOffset) }))
    .sort((a, b) => a.first - b.first)
  const aborting = new Set<string>()
  let next = 0
  return records.filter(({ offset, isControlRecord, batchContext }) => {
    const at = Number(offset)
    for (let begin = begins[next]; begin !== undefined && begin.first <= at; begin = begins[next]) {
      aborting.add(begin.producerId)
      next++
    }
    if (isControlRecord) aborting.delete(batchContext.producerId)
    const aborted = batchContext.inTransaction && aborting.has(batchContext.producerId)
    return at >= from && !isControlRecord && !aborted
  })
}
