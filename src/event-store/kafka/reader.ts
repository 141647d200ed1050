import kafkajs, { type Cluster, type Kafka } from 'kafkajs'
import { TradelogError } from '../../domain/errors.ts'
import type { RawRecord } from '../../domain/recorded-event.ts'
import type { ReadOptions, Slice } from '../event-store.ts'
import { type KafkaLog, readHeads } from './bounds.ts'
import { retryBriefly } from './connection.ts'
import { closedError } from './errors.ts'
import { type Chunk, fetchFrom, leadersOf } from './fetch.ts'
import { consumerWithCluster } from './kafkajs-patches.ts'
import { endBefore, rawParts, slicesOf } from './slices.ts'

const { PartitionAssigners } = kafkajs

/** A connection for requests outside of any group. */
export type Reader = Readonly<{
  /** Aborted, with `EVENT_STORE_CLOSED`, as soon as closing begins. */
  closing: AbortSignal
  /** Retries a few times after a retriable error; rejects once the reader is closed. */
  ask: <T>(question: (cluster: Cluster) => Promise<T>) => Promise<T>
  /** Waits for the requests in flight. */
  close: () => Promise<void>
}>

export async function openReader(kafka: Kafka, topic: string): Promise<Reader> {
  // The consumer never runs, so it never joins its group.
  const groupId = `${topic}.reader`
  const { consumer, cluster } = consumerWithCluster(kafka, PartitionAssigners.roundRobin, {
    groupId,
  })
  const closing = new AbortController()
  const questions = new Set<Promise<unknown>>()
  const ask: Reader['ask'] = async (question) => {
    closing.signal.throwIfAborted()
    const answer = retryBriefly(cluster, () => question(cluster), closing.signal)
    questions.add(answer)
    return answer.finally(() => questions.delete(answer))
  }
  const close = async () => {
    closing.abort(closedError())
    await Promise.allSettled(questions)
    await consumer.disconnect()
  }
  try {
    await ask(() => cluster.addTargetTopic(topic))
    return { closing: closing.signal, ask, close }
  } catch (error) {
    await close()
    throw error
  }
}

const fetchLimits = { waitMs: 500, partitionBytesMax: 1_048_576, totalBytesMax: 1_048_576 }
/** A log has records below its head: if it returns nothing this often, it has become shorter. */
const emptyFetchesMax = 10

/** Fetches on demand, and keeps at most one fetch. */
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
    `partition ${partition} returned nothing from offset ${offset} on, although its head is higher`,
  )
}

async function fetchPartition(cluster: Cluster, topic: string, partition: number, offset: number) {
  const [[nodeId = ''] = []] = leadersOf(cluster, topic, [partition])
  const positions = new Map([[partition, offset]])
  return fetchFrom(cluster, nodeId, { ...fetchLimits, topic, positions })
}
