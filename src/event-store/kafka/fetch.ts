import type { Cluster } from 'kafkajs'
import { TradelogError } from '../../domain/errors.ts'
import { type AbortedTransaction, type FetchedPartition, requestFetch } from './fetch-response.ts'
import { type KafkaRecord, type RecordBatch, recordsOf } from './record-batch.ts'

/** What one fetch gave of one partition. */
export type Chunk = Readonly<{
  partition: number
  from: number
  to: number
  /** The first record from `from` on, whatever it is. */
  first: () => KafkaRecord | undefined
  /** Without control records and aborted ones. The first may begin before `from`. */
  batches: readonly RecordBatch[]
}>

export type FetchOptions = Readonly<{
  topic: string
  /** The next offset of each partition. */
  positions: ReadonlyMap<number, number>
  waitMs: number
  partitionBytesMax: number
  totalBytesMax: number
}>

/** Groups partitions by the broker that leads them; throws if one has no leader. */
export function leadersOf(
  cluster: Cluster,
  topic: string,
  partitions: readonly number[],
): readonly (readonly [nodeId: string, partitions: readonly number[]])[] {
  const leaders = Object.entries(cluster.findLeaderForPartitions(topic, [...partitions]))
  if (leaders.flatMap(([, led]) => led).length < partitions.length) {
    throw new TradelogError('EVENT_STORE_UNAVAILABLE', `a partition of ${topic} has no leader`)
  }
  return leaders
}

/**
 * One fetch from one broker, outside of any group: what is committed, from the positions on, and
 * nothing if nothing came within `waitMs`. An offset that is no more, or not yet, rejects.
 */
export async function fetchFrom(
  cluster: Cluster,
  nodeId: string,
  { topic, positions, waitMs, partitionBytesMax, totalBytesMax }: FetchOptions,
): Promise<readonly Chunk[]> {
  const broker = await cluster.findBroker({ nodeId })
  const partitions = [...positions].map(([partition, offset]) => ({
    partition,
    fetchOffset: String(offset),
    maxBytes: partitionBytesMax,
  }))
  const { responses } = await requestFetch(broker, {
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

function chunkOf(
  { partition, batches, abortedTransactions }: FetchedPartition,
  from: number,
): Chunk {
  const fetched = batches.filter(({ last }) => last >= from)
  return {
    partition,
    from,
    to: (fetched.at(-1)?.last ?? from - 1) + 1,
    first: () => firstRecord(fetched, from),
    batches: committed(fetched, abortedTransactions),
  }
}

function firstRecord(batches: readonly RecordBatch[], from: number): KafkaRecord | undefined {
  for (const batch of batches) {
    const [first] = recordsOf(batch, from)
    if (first !== undefined) return first
  }
  return undefined
}

/**
 * A transaction is aborted from its first offset to the control record of its producer; one that
 * began before the fetch is listed too. No batch holds records of two transactions.
 */
function committed(
  batches: readonly RecordBatch[],
  transactions: readonly AbortedTransaction[],
): readonly RecordBatch[] {
  const begins = [...transactions].sort((a, b) => a.first - b.first)
  const aborting = new Set<bigint>()
  let next = 0
  return batches.filter(({ first, producerId, isControl, isTransactional }) => {
    for (let begin = begins[next]; begin !== undefined && begin.first <= first; ) {
      aborting.add(begin.producerId)
      next++
      begin = begins[next]
    }
    if (isControl) aborting.delete(producerId)
    return !isControl && !(isTransactional && aborting.has(producerId))
  })
}
