import type { Cluster } from 'kafkajs'
import { partitionOf } from '../../domain/partition.ts'
import type { PartitionBounds } from '../event-store.ts'
import { type KafkaLog, peek } from './bounds.ts'
import { refused } from './errors.ts'
import { type KafkaRecord, keyBytesOf, recordsOf, valueTextOf } from './record-batch.ts'

/**
 * Refuses a topic that somebody else fills: looks at the first and the last records of each
 * partition. What lies between is judged by who reads it. So is what nobody can read after a
 * first record of ours: projections stop at it and say so, while an event that lies elsewhere than
 * it belongs would pass unnoticed.
 */
export async function refuseForeignRecords(
  cluster: Cluster,
  log: KafkaLog,
  bounds: readonly PartitionBounds[],
): Promise<void> {
  const filled = bounds.filter(({ start, head }) => head > start)
  for (const place of ['start', 'last'] as const) {
    const positions = new Map(
      filled.map(({ partition, start, head }) => [partition, place === 'start' ? start : head - 1]),
    )
    for await (const { partition, from, batches } of peek(cluster, log.topic, positions)) {
      let isFirst = place === 'start'
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
    `topic ${log.topic} holds records of somebody else: partition ${partition}, offset` +
      ` ${record.offset} ${fault}; name a topic of its own for tradelog`,
    { partition, offset: record.offset },
  )
}

/** Only what every version of an event has: its type, its version, and its symbol as the key. */
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
