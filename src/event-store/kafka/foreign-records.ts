import type { Cluster } from 'kafkajs'
import { partitionOf } from '../../domain/partition.ts'
import type { PartitionBounds } from '../event-store.ts'
import { type KafkaLog, peek } from './bounds.ts'
import { refused } from './errors.ts'
import { type KafkaRecord, keyBytesOf, recordsOf, valueTextOf } from './record-batch.ts'

/**
 * Refuses a topic that another program fills: checks the first and the last records of each
 * partition. Readers judge those between, and also unreadable ones after a first record of ours:
 * projections stop there and say so. An event in a partition that isn't its own is refused, because
 * no reader would notice it.
 */
export async function refuseForeignRecords(
  cluster: Cluster,
  log: KafkaLog,
  bounds: readonly PartitionBounds[],
): Promise<void> {
  const filled = bounds.filter(({ start, head }) => head > start)
  for (const end of ['start', 'last'] as const) {
    const positions = new Map(
      filled.map(({ partition, start, head }) => [partition, end === 'start' ? start : head - 1]),
    )
    for await (const { partition, from, batches } of peek(cluster, log.topic, positions)) {
      let isFirst = end === 'start'
      for (const record of batches.flatMap((batch) => [...recordsOf(batch, from)])) {
        if (isFirst || envelopeOf(record) !== undefined) refuseForeign(log, partition, record)
        isFirst = false
      }
    }
  }
}

function refuseForeign(log: KafkaLog, partition: number, record: KafkaRecord): void {
  const fault = faultOf(record, partition, log.partitions)
  if (fault === undefined) return
  throw refused(
    `topic ${log.topic} holds records of another program: partition ${partition}, offset` +
      ` ${record.offset} ${fault}; set kafka.topic to a topic that only tradelog uses`,
    { partition, offset: record.offset },
  )
}

/** Checks only what every version of an event has: a type, a version, and its symbol as key. */
function faultOf(record: KafkaRecord, partition: number, partitions: number) {
  const event = envelopeOf(record)
  if (event === undefined) return 'is not a JSON object with a type and a version'
  const key = keyBytesOf(record)
  if (key === null || key.toString('utf8') !== event.symbol) return 'is not keyed by its symbol'
  const home = partitionOf(event.symbol, partitions)
  return home === partition ? undefined : `belongs to partition ${home}`
}

type Envelope = Readonly<{ type?: unknown; version?: unknown; symbol?: unknown }>

function envelopeOf(record: KafkaRecord): Envelope | undefined {
  try {
    const event: Envelope | null = JSON.parse(valueTextOf(record) ?? '')
    const isEvent = typeof event?.type === 'string' && typeof event.version === 'number'
    return isEvent ? event : undefined
  } catch {
    return undefined
  }
}
