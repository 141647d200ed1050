import { randomUUID } from 'node:crypto'
import kafkajs, { type Admin, type Kafka } from 'kafkajs'
import type { EventStore } from '../src/event-store/event-store.ts'
import { openKafkaEventStore } from '../src/event-store/kafka/kafka-event-store.ts'
import type { Settings } from '../test/support/tradelog.ts'
import { appendAll } from './append.ts'
import {
  type Given,
  type Measured,
  type PartOptions,
  type PartOrReason,
  type Subject,
  startWatch,
} from './part.ts'
import {
  modelNames,
  projectLive,
  replayModels,
  type Stores,
  silent,
  withStores,
} from './projecting.ts'
import { partitions } from './trades.ts'

const { KAFKA_BROKERS } = process.env
export const kafkaBrokers = KAFKA_BROKERS?.split(',') ?? []

export const consume = 'kafkajs: consume and parse, 4 MiB a partition'
const produce = 'kafkajs: idempotent producer'

export const kafkaPart = ({ events }: PartOptions): PartOrReason =>
  kafkaBrokers.length === 0
    ? { name: 'kafka', reason: 'KAFKA_BROKERS is not set' }
    : {
        name: 'kafka',
        title: 'Kafka: 1,000 events an append; Kafka to embedded read models',
        unit: 'events',
        remark:
          'The broker shares the processors with everything else. Each projector is a consumer group ' +
          'of its own, and fetches and decodes every record; a replay does it once for all.',
        needs: [{ name: 'topic', events }],
        lines: [
          { label: produce, subject: 'produce', events },
          {
            label: 'event store, Kafka',
            subject: 'append',
            events,
            beside: [{ floor: produce, aim: 0.9 }],
          },
          { label: consume, subject: 'consume', events },
          {
            label: 'project symbols',
            subject: 'live',
            events,
            models: ['symbols'],
            beside: [{ floor: consume, aim: 0.9 }],
          },
          {
            label: `project all ${modelNames.length}`,
            subject: 'live',
            events,
            models: modelNames,
            beside: [{ floor: consume }],
          },
          {
            label: `replay all ${modelNames.length}`,
            subject: 'replay',
            events,
            models: modelNames,
            beside: [{ floor: consume, aim: 0.55 }],
          },
        ],
        subjects: {
          produce: produceRaw,
          append: appendToNewTopic,
          consume: consumeRaw,
          live: (given) => withKafkaLog(given, projectLive),
          replay: (given) => withKafkaLog(given, replayModels),
        },
        cleanUp: removeTopics,
      }

const topicsOf = (run: string) => `tradelog-bench-${run}`
export const topicOf = ({ run, events }: Pick<Given, 'run' | 'events'>) =>
  `${topicsOf(run)}-${events}`

const openKafkaLog = (topic: string): Promise<EventStore> =>
  openKafkaEventStore({
    brokers: kafkaBrokers,
    topic,
    partitions,
    replicationFactor: 1,
    clientId: 'tradelog-bench',
    connectionTimeoutMs: 10_000,
    requestTimeoutMs: 30_000,
    logger: silent,
  })

export const fillTopic: Subject = async (given) =>
  appendAll(given.events, await openKafkaLog(topicOf(given)))

const newTopicOf = (given: Given) => `${topicOf(given)}-${randomUUID()}`

const appendToNewTopic: Subject = async (given) =>
  appendAll(given.events, await openKafkaLog(newTopicOf(given)))

const client = (): Kafka =>
  new kafkajs.Kafka({
    brokers: kafkaBrokers,
    clientId: 'tradelog-bench-raw',
    logLevel: kafkajs.logLevel.NOTHING,
    connectionTimeout: 10_000,
  })

async function withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = client().admin()
  await admin.connect()
  return await work(admin).finally(() => admin.disconnect())
}

/** How many events a group has committed, over all partitions. */
export const committedOffsets = (groupId: string, topic: string): Promise<number> =>
  withAdmin(async (admin) => {
    const [found] = await admin.fetchOffsets({ groupId, topics: [topic] })
    const offsets = found?.partitions.map(({ offset }) => Math.max(0, Number(offset))) ?? []
    return offsets.reduce((total, offset) => total + offset, 0)
  })

const produceRaw: Subject = async (given) => {
  const topic = newTopicOf(given)
  const topics = [{ topic, numPartitions: partitions, replicationFactor: 1 }]
  await withAdmin((admin) => admin.createTopics({ topics, waitForLeaders: true }))
  const createPartitioner = kafkajs.Partitioners.DefaultPartitioner
  const producer = client().producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner,
  })
  await producer.connect()
  return appendAll(given.events, {
    append: async (batch) => {
      const messages = batch.map((event) => ({ key: event.symbol, value: JSON.stringify(event) }))
      await producer.send({ topic, messages, acks: -1 })
    },
    close: () => producer.disconnect(),
  })
}

type Take = (partition: number, messages: readonly kafkajs.KafkaMessage[]) => void

/** From the first batch on: joining the group takes seconds in every program. */
export async function consumeTopic(given: Given, take: Take): Promise<Measured> {
  const { events } = given
  const topic = topicOf(given)
  const maxBytesPerPartition = 4 * 1_048_576
  const maxBytes = partitions * maxBytesPerPartition
  const groupId = `${topic}.${randomUUID()}`
  const consumer = client().consumer({ groupId, maxBytesPerPartition, maxBytes })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  let seen = 0
  let stop: ReturnType<typeof startWatch> | undefined
  const measured = await new Promise<Measured>((resolve, reject) => {
    const eachBatch = async ({ batch }: kafkajs.EachBatchPayload) => {
      stop ??= startWatch()
      take(batch.partition, batch.messages)
      seen += batch.messages.length
      if (seen >= events) resolve({ count: seen, ...stop() })
    }
    consumer.run({ eachBatch }).catch(reject)
  })
  await consumer.disconnect()
  return measured
}

export const consumeRaw: Subject = async (given) => {
  let volume = 0
  const measured = await consumeTopic(given, (_, messages) => {
    for (const { value } of messages) volume += Number(JSON.parse(String(value)).volume)
  })
  if (volume === 0) throw new Error('the topic is empty')
  return measured
}

export const withKafkaLog = (
  given: Given,
  work: (stores: Stores) => Promise<Measured>,
): Promise<Measured> =>
  withStores(given, { ...kafkaSettings(given), READ_MODEL_STORE: 'embedded' }, work)

export const kafkaSettings = (given: Given): Settings => ({
  EVENT_STORE: 'kafka',
  KAFKA__BROKER_URL: kafkaBrokers.join(),
  KAFKA__TOPIC: topicOf(given),
})

/** Groups needn't be removed: the broker drops those that have read nothing else. */
export const removeTopics = (run: string): Promise<void> =>
  withAdmin(async (admin) => {
    const topics = (await admin.listTopics()).filter((name) => name.startsWith(topicsOf(run)))
    if (topics.length > 0) await admin.deleteTopics({ topics })
  })
