import kafkajs from 'kafkajs'
import * as assert from 'uvu/assert'
import { hasCode } from '../../../src/domain/errors.ts'
import { partitionOf } from '../../../src/domain/partition.ts'
import type { KafkaEventStoreOptions } from '../../../src/event-store/kafka/kafka-event-store.ts'
import { rejection } from '../../contracts/event-store-reader.ts'
import { kafkaSuite, sendForeign, type TopicUnderTest, withTopic } from '../../support/kafka.ts'
import { trade } from '../../support/trade.ts'

const test = kafkaSuite('Kafka topic')

const keepsEverything = [
  { name: 'retention.ms', value: '-1' },
  { name: 'retention.bytes', value: '-1' },
]

const create = ({ admin, topic }: TopicUnderTest, configEntries = keepsEverything) =>
  admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 3, configEntries }] })

async function isRefused(
  { open }: TopicUnderTest,
  reason: RegExp,
  options: Partial<KafkaEventStoreOptions> = {},
) {
  const error = await rejection(() => open(options))
  assert.ok(hasCode(error, 'EVENT_STORE_REFUSED'), `refused, not ${error}`)
  assert.match(error.message, reason)
}

test('a topic that is absent is created so that it keeps every record', () =>
  withTopic(async ({ admin, topic, open }) => {
    await open()
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }],
    })
    const settings = new Map(
      resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]),
    )
    assert.is(settings.get('retention.ms'), '-1')
    assert.is(settings.get('retention.bytes'), '-1')
    assert.is(settings.get('cleanup.policy'), 'delete')
  }))

test('processes that start together create one topic', () =>
  withTopic(async ({ open }) => {
    const stores = await Promise.all(Array.from({ length: 5 }, () => open()))
    await stores[0]?.append([trade()])
  }))

test('a topic created by another program is used if it keeps every record', () =>
  withTopic(async (under) => {
    await create(under)
    await (await under.open()).append([trade()])
  }))

for (const [name, value] of [
  ['retention.ms', '604800000'],
  ['retention.bytes', '1000000'],
  ['cleanup.policy', 'compact'],
] as const) {
  test(`a topic with ${name} ${value} is refused, with the command that repairs it`, () =>
    withTopic(async (under) => {
      await create(under, [
        ...keepsEverything.filter((entry) => entry.name !== name),
        { name, value },
      ])
      await isRefused(under, new RegExp(`deletes records: ${name} is ${value}; run kafka-configs`))
    }))
}

test('a topic of another number of partitions is refused', () =>
  withTopic(async (under) => {
    await create(under)
    await isRefused(under, /has 3 partitions, the settings say 4/, { partitions: 4 })
  }))

test('a topic with fewer copies than asked for is refused', () =>
  withTopic(async (under) => {
    await create(under)
    await isRefused(under, /keeps 1 copies, the settings say 2/, { replicationFactor: 2 })
  }))

test('a topic that asks for more confirmations than it has copies is refused', () =>
  withTopic(async (under) => {
    await create(under, [...keepsEverything, { name: 'min.insync.replicas', value: '2' }])
    await isRefused(under, /min\.insync\.replicas=2 of 1 copies: no event can ever be confirmed/)
  }))

test('a topic with more copies than brokers is refused', () =>
  withTopic((under) =>
    isRefused(under, /lower kafka.replication_factor/, { replicationFactor: 9 }),
  ))

const key = 'AAPL'
const partition = partitionOf(key, 3)
const event = trade({ symbol: key })
const unreadable = /offset \d+ is not a JSON object with a type and a version/
for (const [what, message] of [
  ['text', { key, value: 'hello' }],
  ['an empty value', { key, value: null }],
  ['JSON of another kind', { key, value: '{"id":1}' }],
] as const) {
  test(`a topic that begins with ${what} is refused`, () =>
    withTopic(async (under) => {
      await create(under)
      await sendForeign(under.topic, [{ ...message, partition }])
      await isRefused(under, unreadable)
    }))

  test(`a topic of ours that ends with ${what} is opened, and its reader reports it`, () =>
    withTopic(async (under) => {
      await (await under.open()).append([event])
      await sendForeign(under.topic, [{ ...message, partition }])
      const again = await under.open()
      const range = { partition, from: 1, to: 2, batchEventsMax: 10 }
      for await (const { events } of again.read(range)) {
        assert.equal(
          events.map(({ event: read }) => read.type),
          ['Unreadable'],
        )
      }
      await again.append([event])
    }))
}

for (const [what, message] of [
  ['events without a key', { value: JSON.stringify(event) }],
  ['another key', { key: 'MSFT', value: JSON.stringify(event) }],
] as const) {
  test(`a topic that begins or ends with ${what} is refused`, () =>
    withTopic(async (under) => {
      const store = await under.open()
      await store.append([event])
      await sendForeign(under.topic, [{ ...message, partition }])
      await isRefused(under, /is not keyed by its symbol/)
    }))
}

test('a topic with events in other partitions than those of their keys is refused', () =>
  withTopic(async (under) => {
    await create(under)
    const elsewhere = (partition + 1) % 3
    await sendForeign(under.topic, [{ key, value: JSON.stringify(event), partition: elsewhere }])
    await isRefused(under, new RegExp(`belongs to partition ${partition}`))
  }))

test('an event of an unknown version does not close the store', () =>
  withTopic(async (under) => {
    await create(under)
    const value = JSON.stringify({ type: 'TradeExecuted', version: 99, symbol: key })
    await sendForeign(under.topic, [{ key, value, partition }])
    await under.open()
  }))

test('a broker that is away makes the store unavailable, not refused', () =>
  withTopic(async ({ open }) => {
    const error = await rejection(() => open({ brokers: ['127.0.0.1:1'] }))
    assert.ok(hasCode(error, 'EVENT_STORE_UNAVAILABLE'))
  }))

test.run()
