import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs, { type Kafka } from 'kafkajs'
import * as assert from 'uvu/assert'
import { hasCode } from '../../../src/domain/errors.ts'
import { encodeEvent } from '../../../src/domain/event.ts'
import { partitionOf } from '../../../src/domain/partition.ts'
import type { Batch, EventStore, PartitionBounds } from '../../../src/event-store/event-store.ts'
import { readGroup } from '../../contracts/event-store-reader.ts'
import { eventually } from '../../support/eventually.ts'
import { kafkaBrokers, kafkaSuite, withTopic } from '../../support/kafka.ts'
import { kafkaProxy } from '../../support/kafka-proxy.ts'
import { seededRandom, testSeed } from '../../support/random.ts'
import { trade } from '../../support/trade.ts'

const test = kafkaSuite('Kafka batches')

const trades = (count: number, symbols = ['AAPL']) =>
  Array.from({ length: count }, (_, i) => trade({ symbol: symbols[i % symbols.length] ?? '' }))
const manySymbols = Array.from({ length: 30 }, (_, i) => `SYMBOL${i}`)
const moreSymbols = Array.from({ length: 500 }, (_, i) => `SYMBOL${i}`)
const apple = partitionOf('AAPL', 3)

/** Stores each batch by compare-and-set, as slowly as a database, and records conflicts. */
function projector(store: EventStore, checkpoint: Map<number, number>, random: () => number) {
  const misfits: Batch[] = []
  let applied = 0
  let askedAfterwards = 0
  const startFrom = async (bounds: readonly PartitionBounds[]) => {
    if (subscription.closed) askedAfterwards++
    await sleep(5 * random())
    return new Map(bounds.map(({ partition }) => [partition, checkpoint.get(partition) ?? 0]))
  }
  const apply = async (batch: Batch) => {
    await sleep(20 * random())
    if ((checkpoint.get(batch.partition) ?? 0) === batch.from) {
      checkpoint.set(batch.partition, batch.to)
      applied += batch.events.length
    } else {
      misfits.push(batch)
    }
    batch.ack()
  }
  const subscription = store
    .batches({ group: 'group', startFrom, batchEventsMax: 7 })
    .subscribe((batch) => void apply(batch))
  return {
    misfits,
    applied: () => applied,
    askedAfterwards: () => askedAfterwards,
    stop: () => subscription.unsubscribe(),
  }
}

test(
  'members that come and go hand over their partitions, and no event is lost or repeated',
  () =>
    withTopic(async ({ open }) => {
      const store = await open()
      const random = seededRandom(testSeed)
      const checkpoint = new Map<number, number>()
      const members = [projector(store, checkpoint, random)]
      for (let round = 0; round < 6; round++) {
        members.push(projector(store, checkpoint, random), projector(store, checkpoint, random))
        for (let i = 0; i < 5; i++) {
          await store.append(trades(60, manySymbols))
          await sleep(100 * random())
        }
        members[2 * round]?.stop()
        members[2 * round + 1]?.stop()
      }
      const applied = () => members.reduce((sum, member) => sum + member.applied(), 0)
      await eventually(() => applied() === 1_800, { timeoutMs: 30_000 })
      const misfits = members.flatMap((member) => member.misfits)
      assert.equal(misfits, [], `seed ${testSeed}`)
      assert.ok(members.every(({ askedAfterwards }) => askedAfterwards() === 0))
      for (const { stop } of members) stop()
    }),
  { timeoutMs: 60_000 },
)

test('a rebalance waits for the batch in flight, so the next owner finds it stored', () =>
  withTopic(async ({ open }) => {
    const store = await open()
    await store.append(trades(10))
    const checkpoint = new Map<number, number>()
    const first = readGroup(store, { checkpoint, acknowledge: false })
    await eventually(() => first.batches.length === 1)

    const second = readGroup(store, { checkpoint })
    await sleep(1_500)
    assert.is(second.assigned.length, 0)
    first.batches[0]?.ack()

    await eventually(() => first.assigned.length + second.assigned.length === 3 + 3)
    const assigned = second.assigned.filter(({ partition }) => partition === apple)
    assert.ok(assigned.length === 0 || second.batches.length === 0, 'nothing is delivered again')
    first.stop()
    second.stop()
  }))

test('a slow partition does not delay later records of the others', () =>
  withTopic(async ({ open }) => {
    const store = await open()
    const other = manySymbols.find((symbol) => partitionOf(symbol, 3) !== apple) ?? ''
    await store.append(trades(1))
    const reader = readGroup(store, { acknowledge: false })
    await eventually(() => reader.batches.length === 1)

    for (let i = 1; i <= 3; i++) {
      await store.append(trades(1, [other]))
      await eventually(() => reader.batches.length === 1 + i)
      reader.batches.at(-1)?.ack()
    }

    assert.is(reader.batches.filter(({ partition }) => partition === apple).length, 1)
    reader.stop()
  }))

test('each of many full partitions has its origin at once, and is read', () =>
  withTopic(async ({ open }) => {
    const partitions = 24
    const store = await open({ partitions })
    const symbols = Array.from({ length: partitions }, (_, partition) =>
      moreSymbols.find((each) => partitionOf(each, partitions) === partition),
    )
    const long = 'x'.repeat(900_000)
    for (const symbol of symbols) {
      await store.append([trade({ symbol: symbol ?? '', conditions: [long] })])
    }
    const other = await open({ partitions })
    const heads = await other.heads()
    assert.ok(heads.every(({ origin, head }) => origin !== null && head === 1))
    const reader = readGroup(other)
    await eventually(() => reader.records.length === partitions, { timeoutMs: 30_000 })
    assert.is(reader.error(), undefined)
    assert.ok(reader.assigned.every(({ origin }) => origin !== null))
    reader.stop()
  }))

test('the offsets of aborted transactions and control records belong to a slice', () =>
  withTopic(async ({ kafka, topic, open }) => {
    const store = await open()
    await store.append(trades(2))
    for (const [count, end, head] of [
      [3, 'abort', 6],
      [2, 'commit', 9],
      [1, 'abort', 11],
    ] as const) {
      await transaction(kafka, topic, count, end)
      await eventually(async () => (await store.heads())[apple]?.head === head)
    }

    const reader = readGroup(store, { batchEventsMax: 3 })
    await eventually(() => reader.checkpoint.get(apple) === 2 + 4 + 3 + 2)

    assert.equal(
      reader.records.map(({ offset }) => offset),
      [0, 1, 6, 7],
    )
    let next = 0
    for (const { from, to } of reader.batches) {
      assert.is(from, next)
      next = to
    }
    reader.stop()

    const read: unknown[] = []
    for await (const slice of store.read({
      partition: apple,
      from: 3,
      to: 11,
      batchEventsMax: 1,
    })) {
      read.push([slice.from, slice.to, slice.events.map(({ offset }) => offset)])
    }
    assert.equal(read, [
      [3, 7, [6]],
      [7, 11, [7]],
    ])
  }))

test('a log that deletes records under its reader errors the stream, and skips nothing', () =>
  withTopic(async ({ admin, topic, open }) => {
    const store = await open()
    await store.append(trades(10))
    const failure = new Promise<unknown>((resolve) => {
      const startFrom = async () => {
        await admin.fetchTopicOffsets(topic)
        await admin.deleteTopicRecords({ topic, partitions: [{ partition: apple, offset: '5' }] })
        return new Map([[apple, 2]])
      }
      store
        .batches({ group: 'group', startFrom, batchEventsMax: 10 })
        .subscribe({ next: resolve, error: resolve })
    })
    assert.ok(hasCode(await failure, 'LOG_TRUNCATED'), `${await failure}`)
  }))

test(
  'a lost broker errors the stream with a retriable error, and a new stream continues',
  () =>
    withTopic(async ({ open }) => {
      const proxy = await kafkaProxy(kafkaBrokers[0] ?? '')
      const store = await open({ brokers: [proxy.broker] })
      await store.append(trades(10))
      const checkpoint = new Map<number, number>()
      const first = readGroup(store, { checkpoint })
      await eventually(() => first.records.length === 10)

      proxy.cut(true)
      await eventually(() => hasCode(first.error(), 'EVENT_STORE_UNAVAILABLE'))
      proxy.cut(false)
      await eventually(() => store.append(trades(5)).then(() => true))
      const second = readGroup(store, { checkpoint })
      await eventually(() => second.records.length === 5, { timeoutMs: 20_000 })

      second.stop()
      await store.close()
      await proxy.close()
    }),
  { timeoutMs: 60_000 },
)

test('an unreadable record keeps its position, whatever its bytes are', () =>
  withTopic(async ({ kafka, topic, open }) => {
    const store = await open()
    await store.append(trades(1))
    const producer = kafka.producer()
    await producer.connect()
    const values = ['{', null, Buffer.from([0xff, 0xfe])]
    const messages = values.map((value) => ({ key: 'AAPL', value, partition: apple }))
    await producer.send({ topic, messages })
    await producer.disconnect()

    const reader = readGroup(store)
    await eventually(() => reader.records.length === 4)

    assert.equal(
      reader.records.map(({ offset, event }) => [offset, event.type]),
      [0, 1, 2, 3].map((offset) => [offset, offset === 0 ? 'TradeExecuted' : 'Unreadable']),
    )
    reader.stop()
  }))

test('Kafka tools see the acknowledged position, and an empty group after unsubscribing', () =>
  withTopic(async ({ admin, topic, open }) => {
    const store = await open()
    await store.append(trades(10))
    const reader = readGroup(store)
    const groupId = `${topic}.group`
    await eventually(async () => {
      const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] })
      return offsets?.partitions.some(
        ({ partition, offset }) => partition === apple && offset === '10',
      )
    })
    assert.is(await membersOf(groupId), 1)

    reader.stop()

    await eventually(async () => (await membersOf(groupId)) === 0)
    async function membersOf(group: string) {
      const { groups } = await admin.describeGroups([group])
      return groups[0]?.members.length
    }
  }))

test(
  'slow work does not end the membership',
  () =>
    withTopic(async ({ open }) => {
      const store = await open()
      await store.append(trades(1))
      const reader = readGroup(store, { acknowledge: false })
      await eventually(() => reader.batches.length === 1)

      await sleep(11_000)
      reader.batches[0]?.ack()
      await store.append(trades(1))
      await eventually(() => reader.batches.length === 2)

      assert.is(reader.assigned.length, 3, 'assigned once')
      reader.stop()
    }),
  { timeoutMs: 30_000 },
)

async function transaction(kafka: Kafka, topic: string, count: number, end: 'commit' | 'abort') {
  const producer = kafka.producer({
    transactionalId: `${topic}-${end}-${count}`,
    maxInFlightRequests: 1,
    idempotent: true,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  const running = await producer.transaction()
  const messages = trades(count).map((event) => ({
    key: event.symbol,
    value: encodeEvent(event),
    partition: apple,
  }))
  await running.send({ topic, messages })
  await running[end]()
  await producer.disconnect()
}

test.run()
