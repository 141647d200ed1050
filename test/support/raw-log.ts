import { join } from 'node:path'
import { partitionOf } from '../../src/domain/partition.ts'
import type { Position } from '../../src/domain/recorded-event.ts'
import { openEmbeddedLog } from '../../src/event-store/embedded/log.ts'
import { kafkaClient } from '../../src/event-store/kafka/connection.ts'
import { sendForeign, storeOptions } from './kafka.ts'
import type { Settings } from './tradelog.ts'

const partitions = 6

/**
 * Writes any JSON into the log that the settings name, past every process, into the partition of a
 * symbol. Returns its position.
 */
export function appendRaw(settings: Settings, symbol: string, value: unknown): Promise<Position> {
  const partition = partitionOf(symbol, partitions)
  return settings.EVENT_STORE === 'kafka'
    ? appendToTopic(settings.KAFKA__TOPIC ?? '', { key: symbol, partition, value })
    : appendToDirectory(settings.DATA_DIRECTORY ?? '', partition, value)
}

async function appendToTopic(
  topic: string,
  { key, partition, value }: { key: string; partition: number; value: unknown },
) {
  const record = { key, partition, value: JSON.stringify(value) }
  await sendForeign(topic, [record])
  const admin = kafkaClient(storeOptions(topic)).admin()
  await admin.connect()
  const offsets = await admin.fetchTopicOffsets(topic)
  await admin.disconnect()
  const high = offsets.find((of) => of.partition === partition)?.high ?? '0'
  return { partition, offset: Number(high) - 1 }
}

async function appendToDirectory(directory: string, partition: number, value: unknown) {
  const log = await openEmbeddedLog({ directory: join(directory, 'log'), partitions })
  await log.append(log.prepare([{ partition, value }], Date.now()))
  const offset = (log.heads()[partition] ?? 0) - 1
  await log.close()
  return { partition, offset }
}
