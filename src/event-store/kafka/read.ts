import type { Cluster } from 'kafkajs'
import { TradelogError } from '../../domain/errors.ts'
import type { RawRecord } from '../../domain/recorded-event.ts'
import type { ReadOptions, Slice } from '../event-store.ts'
import { type KafkaLog, readHeads } from './bounds.ts'
import { type Chunk, fetchFrom, leadersOf } from './fetch.ts'
import type { Reader } from './reader.ts'
import { endBefore, rawParts, slicesOf } from './slices.ts'

const fetchLimits = { waitMs: 500, partitionBytesMax: 1_048_576, totalBytesMax: 1_048_576 }
/** Everything below the head is there: a log that gives nothing this often has become shorter. */
const emptyFetchesMax = 10

/** Fetches when asked for the next slice, and keeps at most one fetch. */
export const boundedRead = (reader: Reader, log: KafkaLog, options: ReadOptions) =>
  boundedChunks<Slice>(reader, log, options, (chunk) => slicesOf(chunk, options.batchEventsMax))

export const boundedRawRead = (reader: Reader, log: KafkaLog, options: ReadOptions) =>
  boundedChunks<readonly RawRecord[]>(reader, log, options, (chunk) =>
    rawParts(chunk, options.batchEventsMax),
  )

async function* boundedChunks<T>(
  reader: Reader,
  log: KafkaLog,
  { partition, from, to, signal }: ReadOptions,
  parts: (chunk: Chunk) => Iterable<T>,
): AsyncGenerator<T> {
  signal?.throwIfAborted()
  const heads = await reader.ask((cluster) => readHeads(cluster, log))
  const end = Math.min(to, heads.get(partition) ?? 0)
  for (let next = from; next < end; ) {
    const chunk = endBefore(await fetchSome(reader, log.topic, partition, next, signal), end)
    for (const part of parts(chunk)) {
      reader.closing.throwIfAborted()
      signal?.throwIfAborted()
      yield part
    }
    next = chunk.to
  }
}

async function fetchSome(
  reader: Reader,
  topic: string,
  partition: number,
  offset: number,
  signal?: AbortSignal,
): Promise<Chunk> {
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

async function fetchPartition(cluster: Cluster, topic: string, partition: number, offset: number) {
  const [[nodeId = ''] = []] = leadersOf(cluster, topic, [partition])
  const positions = new Map([[partition, offset]])
  return fetchFrom(cluster, nodeId, { ...fetchLimits, topic, positions })
}
