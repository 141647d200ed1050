import type { Cluster } from 'kafkajs'
import { TradelogError } from '../domain/errors.ts'
import type { ReadOptions, Slice } from './event-store.ts'
import { type KafkaLog, readHeads } from './kafka-bounds.ts'
import { type Chunk, fetchFrom, leadersOf } from './kafka-fetch.ts'
import type { Reader } from './kafka-reader.ts'
import { endBefore, slicesOf } from './kafka-slices.ts'

const fetchLimits = { waitMs: 500, partitionBytesMax: 524_288, totalBytesMax: 524_288 }
/** Everything below the head is there: a log that gives nothing this often has become shorter. */
const emptyFetchesMax = 10

/** Fetches when asked for the next slice, and keeps at most one fetch. */
export async function* boundedRead(
  reader: Reader,
  log: KafkaLog,
  { partition, from, to, batchEventsMax, signal }: ReadOptions,
): AsyncGenerator<Slice> {
  signal?.throwIfAborted()
  const heads = await reader.ask((cluster) => readHeads(cluster, log))
  const end = Math.min(to, heads.get(partition) ?? 0)
  for (let next = from; next < end; ) {
    const chunk = endBefore(await fetchSome(reader, log.topic, partition, next, signal), end)
    for (const slice of slicesOf(chunk, batchEventsMax)) {
      reader.closing.throwIfAborted()
      signal?.throwIfAborted()
      yield slice
    }
    next = chunk.to
  }
}

const fetchSome = async (
  reader: Reader,
  topic: string,
  partition: number,
  offset: number,
  signal?: AbortSignal,
): Promise<Chunk> => {
  for (let empty = 0; empty < emptyFetchesMax; empty++) {
    signal?.throwIfAborted()
    const [chunk] = await reader.ask((cluster) => fetchPartition(cluster, topic, partition, offset))
    if (chunk !== undefined) return chunk
  }
  throw new TradelogError(
    'EVENT_STORE_UNAVAILABLE',
    `partition ${partition} gave nothing from offset ${offset} on, below its head`,
  )
}

const fetchPartition = async (
  cluster: Cluster,
  topic: string,
  partition: number,
  offset: number,
) => {
  const [[nodeId = ''] = []] = leadersOf(cluster, topic, [partition])
  const positions = new Map([[partition, offset]])
  return fetchFrom(cluster, nodeId, { ...fetchLimits, topic, positions })
}
