import type { Cluster } from 'kafkajs'
import { TradelogError } from '../../domain/errors.ts'
import { type AbortedTransaction, type FetchedPartition, requestFetch } from './fetch-response.ts'
import { type KafkaRecord, type RecordBatch, recordsOf } from './record-batch.ts'

/** What one fetch returned of one partition. */
export type Chunk = Readonly<{
  partition: number
  from: number
  to: number
  /** The first record at or after `from`, of any kind. */
  first: () => KafkaRecord | undefined
  /** Without control and aborted batches. The first may begin before `from`. */
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
 * Fetches once from one broker, outside of any group: committed records from the positions on, or
 * nothing if none come within `waitMs`. Rejects if the log no longer has an offset, or not yet.
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
 * An aborted transaction goes from its first offset to the control record of its producer. The
 * broker also lists those that began before the fetch. No batch holds records of two transactions.
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
