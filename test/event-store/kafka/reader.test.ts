import kafkajs from 'kafkajs'
import * as assert from 'uvu/assert'
import { hasCode } from '../../../src/domain/errors.ts'
import { encodeEvent } from '../../../src/domain/event.ts'
import { partitionOf } from '../../../src/domain/partition.ts'
import { rejection } from '../../contracts/event-store-reader.ts'
import { eventually } from '../../support/eventually.ts'
import { kafkaBrokers, kafkaSuite, withTopic } from '../../support/kafka.ts'
import { fetchApi, kafkaProxy } from '../../support/kafka-proxy.ts'
import { recordsOf } from '../../support/log.ts'
import { trade } from '../../support/trade.ts'

const test = kafkaSuite('Kafka reader')

const apple = partitionOf('AAPL', 3)
const trades = (count: number) => Array.from({ length: count }, (_, i) => trade({ price: `${i}` }))

test(
  'a read continues after lost connections',
  () =>
    withTopic(async ({ open }) => {
      let fetches = 0
      const proxy = await kafkaProxy(kafkaBrokers[0] ?? '', (api) =>
        api === fetchApi && fetches++ % 3 !== 2 ? 'lose' : 'pass',
      )
      const store = await open({ brokers: [proxy.broker] })
      await store.append(trades(100))

      const records = await recordsOf(store)

      assert.is(records.length, 100)
      assert.ok(fetches > 2, 'connections were lost')
      await store.close()
      await proxy.close()
    }),
  { timeoutMs: 30_000 },
)

test(
  'a read of a broker that stays away ends with a retriable error',
  () =>
    withTopic(async ({ open }) => {
      const proxy = await kafkaProxy(kafkaBrokers[0] ?? '')
      const store = await open({ brokers: [proxy.broker] })
      await store.append(trades(10))
      proxy.cut(true)
      const error = await rejection(() => recordsOf(store))
      assert.ok(hasCode(error, 'EVENT_STORE_UNAVAILABLE'), `${error}`)
      await store.close()
      await proxy.close()
    }),
  { timeoutMs: 60_000 },
)

test('a read of deleted records says that the log is truncated', () =>
  withTopic(async ({ admin, topic, open }) => {
    const store = await open()
    await store.append(trades(10))
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: apple, offset: '5' }] })
    const error = await rejection(async () => {
      for await (const _ of store.read({ partition: apple, from: 0, to: 10, batchEventsMax: 5 })) {
        throw new Error('a slice came')
      }
    })
    assert.ok(hasCode(error, 'LOG_TRUNCATED'), `${error}`)
    assert.is((await store.heads())[apple]?.start, 5)
  }))

test('compressed batches are read from any offset inside them', () =>
  withTopic(async ({ kafka, topic, open }) => {
    const store = await open()
    const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
    await producer.connect()
    const messages = trades(20).map((event) => ({ key: event.symbol, value: encodeEvent(event) }))
    const compression = kafkajs.CompressionTypes.GZIP
    await producer.send({
      topic,
      compression,
      messages: messages.map((message) => ({ ...message, partition: apple })),
    })
    await producer.disconnect()

    for await (const slice of store.read({
      partition: apple,
      from: 7,
      to: 15,
      batchEventsMax: 99,
    })) {
      assert.equal([slice.from, slice.to], [7, 15])
      assert.equal(
        slice.events.map(({ offset }) => offset),
        [7, 8, 9, 10, 11, 12, 13, 14],
      )
    }
  }))

test(
  'another topic of the same name has another origin, also for a store that is open',
  () =>
    withTopic(async ({ admin, topic, open }) => {
      const store = await open()
      await store.append(trades(5))
      const before = (await store.heads())[apple]?.origin
      await admin.deleteTopics({ topics: [topic] })
      await eventually(async () => !(await admin.listTopics()).includes(topic))

      const other = await open()
      await other.append([trade({ price: '7' })])

      const origin = await eventually(async () => {
        const [found] = (await store.heads()).filter(({ partition }) => partition === apple)
        return found?.head === 1 && found.origin
      })
      assert.type(before, 'string')
      assert.not(origin === before)
      assert.is(origin, (await other.heads())[apple]?.origin)
    }),
  { timeoutMs: 30_000 },
)

test.run()
