import { createHash } from 'node:crypto'
import type { Cluster } from 'kafkajs'
import { TradelogError } from '../../domain/errors.ts'
import type { PartitionBounds } from '../event-store.ts'
import { type Chunk, type FetchOptions, fetchFrom, leadersOf } from './fetch.ts'
import { type KafkaRecord, keyBytesOf, valueBytesOf } from './record-batch.ts'

export type KafkaLog = Readonly<{ clusterId: string; topic: string; partitions: number }>

export type Bounds = Readonly<{
  /** Start, head and origin of every partition; an origin is cached until the head goes back. */
  read: (cluster: Cluster) => Promise<readonly PartitionBounds[]>
  /** As `read`, but reads these origins again: another log of this name may have grown as long. */
  readAnew: (cluster: Cluster, partitions: readonly number[]) => Promise<readonly PartitionBounds[]>
}>

export function boundsOf(log: KafkaLog): Bounds {
  const known = new Map<number, PartitionBounds>()
  const read: Bounds['read'] = async (cluster) => {
    const bounds = await readBounds(cluster, log, known)
    for (const each of bounds) known.set(each.partition, each)
    return bounds
  }
  const readAnew: Bounds['readAnew'] = (cluster, partitions) => {
    for (const partition of partitions) known.delete(partition)
    return read(cluster)
  }
  return { read, readAnew }
}

async function readBounds(
  cluster: Cluster,
  log: KafkaLog,
  known: ReadonlyMap<number, PartitionBounds>,
): Promise<readonly PartitionBounds[]> {
  const [starts, heads] = await Promise.all([
    offsets(cluster, log, { fromBeginning: true }),
    readHeads(cluster, log),
  ])
  const bounds = [...heads]
    .sort(([a], [b]) => a - b)
    .map(([partition, head]) => {
      const start = starts.get(partition) ?? 0
      return { partition, start, head, origin: knownOrigin(known.get(partition), start, head) }
    })
  const unnamed = bounds.filter(({ start, head, origin }) => origin === null && head > start)
  const origins = await readOrigins(cluster, log, unnamed)
  return bounds.map((each) => ({
    ...each,
    origin: each.origin ?? origins.get(each.partition) ?? null,
  }))
}

/** The head of each partition; if a transaction is open there, its first offset. */
export const readHeads = (cluster: Cluster, log: KafkaLog) =>
  offsets(cluster, log, { fromBeginning: false })

/** A chunk from one offset of each of these partitions, in as many fetches as that takes. */
export async function* peek(
  cluster: Cluster,
  topic: string,
  positions: ReadonlyMap<number, number>,
): AsyncGenerator<Chunk> {
  const waiting = new Map(positions)
  while (waiting.size > 0) {
    const fetches = leadersOf(cluster, topic, [...waiting.keys()]).map(([nodeId, partitions]) =>
      fetchFrom(cluster, nodeId, {
        ...peekOptions,
        topic,
        positions: new Map(partitions.map((partition) => [partition, waiting.get(partition) ?? 0])),
      }),
    )
    const chunks = (await Promise.all(fetches)).flat()
    if (chunks.length === 0) throw nothingSent(topic, [...waiting.keys()])
    for (const { partition } of chunks) waiting.delete(partition)
    yield* chunks
  }
}

/** A broker sends at least the first batch of one partition, and of others only what fits. */
const peekOptions: Omit<FetchOptions, 'topic' | 'positions'> = {
  waitMs: 0,
  partitionBytesMax: 1_048_576,
  totalBytesMax: 16 * 1_048_576,
}

const nothingSent = (topic: string, partitions: readonly number[]) =>
  new TradelogError(
    'EVENT_STORE_UNAVAILABLE',
    `topic ${topic}: the broker sent no records of partitions ${partitions.join(' ')}`,
  )

async function offsets(
  cluster: Cluster,
  { topic, partitions }: KafkaLog,
  from: { fromBeginning: boolean },
): Promise<ReadonlyMap<number, number>> {
  const all = Array.from({ length: partitions }, (_, partition) => ({ partition }))
  const topics = await cluster.fetchTopicsOffset([{ topic, partitions: all, ...from }])
  const pairs = topics.flatMap((each) => each.partitions)
  if (pairs.length < partitions) {
    throw new TradelogError('EVENT_STORE_UNAVAILABLE', `a partition of ${topic} has no leader`)
  }
  return new Map(pairs.map(({ partition, offset }) => [partition, Number(offset)]))
}

const knownOrigin = (known: PartitionBounds | undefined, start: number, head: number) =>
  known !== undefined && known.start === start && known.head <= head ? known.origin : null

async function readOrigins(
  cluster: Cluster,
  log: KafkaLog,
  bounds: readonly PartitionBounds[],
): Promise<ReadonlyMap<number, string>> {
  const starts = new Map(bounds.map(({ partition, start }) => [partition, start]))
  const origins = new Map<number, string>()
  for await (const { partition, first } of peek(cluster, log.topic, starts)) {
    const record = first()
    if (record !== undefined) origins.set(partition, originOf(log, partition, record))
  }
  return origins
}

function originOf(log: KafkaLog, partition: number, first: KafkaRecord): string {
  const { offset, timestamp } = first
  const named = [
    `${offset}`,
    `${timestamp}`,
    textOf(keyBytesOf(first)),
    textOf(valueBytesOf(first)),
  ]
  const digest = createHash('sha256').update(JSON.stringify(named)).digest('hex')
  return `${log.clusterId}/${log.topic}/${partition}/${digest.slice(0, 16)}`
}

const textOf = (bytes: Buffer | null): string | null => bytes?.toString('base64') ?? null
