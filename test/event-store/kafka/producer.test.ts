import type { Kafka, Message, RecordMetadata } from 'kafkajs'
import pino from 'pino'
import * as assert from 'uvu/assert'
import { hasCode } from '../../../src/domain/errors.ts'
import type { TradelogEvent } from '../../../src/domain/event.ts'
import type { EventStore } from '../../../src/event-store/event-store.ts'
import { eventProducer } from '../../../src/event-store/kafka/producer.ts'
import { kafkaBrokers, kafkaSuite, withTopic } from '../../support/kafka.ts'
import { type Fate, kafkaProxy, produceApi } from '../../support/kafka-proxy.ts'
import { recordsOf } from '../../support/log.ts'
import { seededRandom, testSeed } from '../../support/random.ts'
import { suite } from '../../support/suite.ts'
import { trade } from '../../support/trade.ts'

const test = kafkaSuite('Kafka producer')

const symbols = ['AAPL', 'GOOGL', 'TSLA', 'MSFT', 'NVDA', 'AMD']
const numbered = (from: number, count: number): readonly TradelogEvent[] =>
  Array.from({ length: count }, (_, i) => numberedTrade(from + i))
const numberedTrade = (number: number) =>
  trade({ symbol: symbols[number % symbols.length] ?? '', source: `test:${number}` })

async function sourcesBySymbol(store: EventStore) {
  const sources: Record<string, string[]> = {}
  for (const { event } of await recordsOf(store)) {
    if (event.type !== 'TradeExecuted') throw new Error(event.reason)
    sources[event.symbol] = [...(sources[event.symbol] ?? []), event.source]
  }
  return sources
}

function expectedSources(events: readonly TradelogEvent[]) {
  const sources: Record<string, string[]> = {}
  for (const { symbol, source } of events) sources[symbol] = [...(sources[symbol] ?? []), source]
  return sources
}

async function appendUntilDone(store: EventStore, events: readonly TradelogEvent[]) {
  for (;;) {
    try {
      await store.append(events)
      return
    } catch (error) {
      if (!hasCode(error, 'EVENT_STORE_UNAVAILABLE')) throw error
    }
  }
}

const throughProxy = (judge: (api: number) => Fate, body: (store: EventStore) => Promise<void>) =>
  withTopic(async ({ open }) => {
    const proxy = await kafkaProxy(kafkaBrokers[0] ?? '', judge)
    try {
      await body(await open({ brokers: [proxy.broker] }))
    } finally {
      await proxy.close()
    }
  })

test(
  'an append whose acknowledgements were lost, and that was rejected, is in the log once',
  () => {
    let losing = true
    const judge = (api: number) => (api === produceApi && losing ? 'lose' : 'pass')
    return throughProxy(judge, async (store) => {
      const events = numbered(0, 60)
      await assertRejects(store.append(events), 'EVENT_STORE_UNAVAILABLE')
      losing = false
      await store.append(events)
      await store.append(numbered(60, 60))
      assert.equal(await sourcesBySymbol(store), expectedSources(numbered(0, 120)))
    })
  },
  { timeoutMs: 60_000 },
)

test(
  'with acknowledgements lost at random every event is in the log once, in its order',
  () => {
    const random = seededRandom(testSeed)
    const judge = (api: number) => (api === produceApi && random() < 0.25 ? 'lose' : 'pass')
    return throughProxy(judge, async (store) => {
      for (let at = 0; at < 600; at += 30) await appendUntilDone(store, numbered(at, 30))
      assert.equal(
        await sourcesBySymbol(store),
        expectedSources(numbered(0, 600)),
        `seed ${testSeed}`,
      )
    })
  },
  { timeoutMs: 60_000 },
)

test(
  'events after a rejection are not taken for a retry of the rejected ones',
  () => {
    let losing = true
    const judge = (api: number) => (api === produceApi && losing ? 'lose' : 'pass')
    return throughProxy(judge, async (store) => {
      const rejected = [numberedTrade(0)]
      await assertRejects(store.append(rejected), 'EVENT_STORE_UNAVAILABLE')
      losing = false
      await store.append([numberedTrade(6)])
      const { AAPL = [] } = await sourcesBySymbol(store)
      assert.is(AAPL.filter((source) => source === 'test:6').length, 1)
    })
  },
  { timeoutMs: 60_000 },
)

test('an append larger than the batch limit of Kafka is split', () =>
  withTopic(async ({ open }) => {
    const store = await open()
    const events = Array.from({ length: 30 }, (_, i) => large(100_000, i))
    await store.append(events)
    assert.equal(await sourcesBySymbol(store), expectedSources(events))
  }))

test('an event larger than the limit is rejected, and nothing of its append is written', () =>
  withTopic(async ({ open }) => {
    const store = await open()
    await assertRejects(store.append([numberedTrade(0), large(1_100_000, 1)]), 'EVENT_TOO_LARGE')
    assert.equal(await recordsOf(store), [])
    await store.append([numberedTrade(2)])
    assert.is((await recordsOf(store)).length, 1)
  }))

test('a record carries its symbol as the key and the time of ingest', () =>
  withTopic(async ({ open }) => {
    const store = await open({ now: () => 1_700_000_000_123 })
    await store.append([numberedTrade(0)])
    const [record] = await recordsOf(store)
    assert.is(record?.recordedAt, 1_700_000_000_123)
    assert.equal(record?.event, numberedTrade(0))
  }))

test.run()

const unit = suite('Kafka producer, without a broker')
const permitted = () => () => true

unit(
  'a send that acknowledges nothing rejects, and the retry sends only what is missing',
  async () => {
    const sends: number[] = []
    let silent = true
    const producer = eventProducer({
      ...fakeOptions,
      kafka: () =>
        fakeKafka(async (messages) => {
          const partition = messages[0]?.partition ?? -1
          sends.push(partition)
          return partition === 0 && silent ? [] : [{ topicName: 't', partition, errorCode: 0 }]
        }),
    })
    const events = numbered(0, 6)
    await assertRejects(producer.append(events, permitted), 'EVENT_STORE_UNAVAILABLE')
    const first = [...new Set(sends)].sort()
    silent = false
    sends.length = 0
    await producer.append(events, permitted)
    assert.ok(first.length > 1 && first.includes(0))
    assert.equal(sends, [0])
  },
)

unit('each send holds one partition', async () => {
  const producer = eventProducer({
    ...fakeOptions,
    kafka: () =>
      fakeKafka(async (messages) => {
        const partitions = new Set(messages.map(({ partition }) => partition))
        assert.is(partitions.size, 1)
        return [{ topicName: 't', partition: messages[0]?.partition ?? -1, errorCode: 0 }]
      }),
  })
  await producer.append(numbered(0, 100), permitted)
})

unit('a producer whose sequence the broker lost is replaced', async () => {
  let connections = 0
  const producer = eventProducer({
    ...fakeOptions,
    kafka: () => {
      connections++
      return fakeKafka(async (messages) => {
        const error = Object.assign(new Error('out of order'), {
          type: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
        })
        if (connections === 1) throw error
        return [{ topicName: 't', partition: messages[0]?.partition ?? -1, errorCode: 0 }]
      })
    },
  })
  const events = numbered(0, 3)
  await assertRejects(producer.append(events, permitted), 'EVENT_STORE_UNAVAILABLE')
  await producer.append(events, permitted)
  assert.is(connections, 2)
})

unit.run()

const fakeOptions = {
  topic: 't',
  partitions: 3,
  batchBytesMax: 1_048_588,
  logger: pino({ level: 'silent' }),
  now: () => 0,
}

function fakeKafka(send: (messages: Message[]) => Promise<RecordMetadata[]>): Kafka {
  const producer = {
    connect: async () => {},
    disconnect: async () => {},
    send: ({ messages }: { messages: Message[] }) => send(messages),
  }
  return { producer: () => producer } as unknown as Kafka
}

function large(bytes: number, number: number) {
  return trade({ symbol: 'AAPL', source: `test:${number}:${'x'.repeat(bytes)}` })
}

async function assertRejects(promise: Promise<unknown>, code: Parameters<typeof hasCode>[1]) {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(hasCode(error, code), `rejects with ${code}, not ${error}`)
}
