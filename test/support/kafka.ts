import { randomUUID } from 'node:crypto'
import kafkajs, { type Admin, type Kafka, type Message } from 'kafkajs'
import pino from 'pino'
import type { EventStore } from '../../src/event-store/event-store.ts'
import {
  type KafkaEventStoreOptions,
  openKafkaEventStore,
} from '../../src/event-store/kafka/kafka-event-store.ts'
import { type Suite, suite } from './suite.ts'

const { KAFKA_BROKERS } = process.env
export const kafkaBrokers = KAFKA_BROKERS?.split(',') ?? []

/** A suite whose tests are skipped if no broker is named. */
export function kafkaSuite(title: string): Suite {
  const test = suite(title)
  if (kafkaBrokers.length > 0) return test
  const skipped = (name: string) => test.skip(name, 'KAFKA_BROKERS is not set')
  return Object.assign(skipped, test)
}

export type TopicUnderTest = Readonly<{
  topic: string
  kafka: Kafka
  admin: Admin
  /** Opens a store on the topic, closed at the end of the test. */
  open: (options?: Partial<KafkaEventStoreOptions>) => Promise<EventStore>
}>

/** Gives a test a new topic name, and deletes the topic and its groups afterwards. */
export async function withTopic(body: (under: TopicUnderTest) => Promise<void>): Promise<void> {
  const topic = temporaryTopic()
  const kafka = testClient()
  const admin = kafka.admin()
  const stores: EventStore[] = []
  const open: TopicUnderTest['open'] = async (options) => {
    const store = await openKafkaEventStore({ ...storeOptions(topic), ...options })
    stores.push(store)
    return store
  }
  await admin.connect()
  try {
    await body({ topic, kafka, admin, open })
  } finally {
    await Promise.all(stores.map((store) => store.close()))
    await admin.disconnect()
    await deleteTopic(topic)
  }
}

export const temporaryTopic = (): string => `tradelog-test-${randomUUID()}`

export async function deleteTopic(topic: string): Promise<void> {
  const admin = testClient().admin()
  await admin.connect()
  if ((await admin.listTopics()).includes(topic)) await admin.deleteTopics({ topics: [topic] })
  await admin.disconnect()
}

/** Sends foreign records, as another producer might. */
export async function sendForeign(topic: string, messages: Message[]): Promise<void> {
  const producer = testClient().producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  await producer.send({ topic, messages })
  await producer.disconnect()
}

export const storeOptions = (topic: string): KafkaEventStoreOptions => ({
  brokers: kafkaBrokers,
  topic,
  partitions: 3,
  replicationFactor: 1,
  clientId: 'tradelog-test',
  connectionTimeoutMs: 3_000,
  requestTimeoutMs: 5_000,
  logger: pino({ level: process.env.TRADELOG_TEST_LOG ?? 'silent' }),
})

const testClient = (): Kafka =>
  new kafkajs.Kafka({
    brokers: kafkaBrokers,
    clientId: 'tradelog-test',
    logLevel: kafkajs.logLevel.NOTHING,
    connectionTimeout: 3_000,
  })
