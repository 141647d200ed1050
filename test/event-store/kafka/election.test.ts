import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { hasCode, TradelogError } from '../../../src/domain/errors.ts'
import type { EventStore } from '../../../src/event-store/event-store.ts'
import { kafkaClient } from '../../../src/event-store/kafka/connection.ts'
import { eventProducer } from '../../../src/event-store/kafka/producer.ts'
import { rejection } from '../../contracts/event-store-reader.ts'
import { eventually } from '../../support/eventually.ts'
import { kafkaBrokers, kafkaSuite, storeOptions, withTopic } from '../../support/kafka.ts'
import { kafkaProxy } from '../../support/kafka-proxy.ts'
import { silent } from '../../support/silent.ts'
import { trade } from '../../support/trade.ts'

const test = kafkaSuite('Kafka election')

function candidate(store: EventStore) {
  const states: boolean[] = []
  const subscription = store.elect('ingest').subscribe((elected) => states.push(elected))
  return { states, resign: () => subscription.unsubscribe() }
}

const elected = ({ states }: { states: readonly boolean[] }) => states.at(-1) === true

/** A holder that has lost its broker, and the successor elected meanwhile. */
const withReplaced = (
  work: (parties: {
    cutOff: EventStore
    first: ReturnType<typeof candidate>
    successor: EventStore
    second: ReturnType<typeof candidate>
    reconnect: () => void
  }) => Promise<void>,
) =>
  withTopic(async ({ open }) => {
    const proxy = await kafkaProxy(kafkaBrokers[0] ?? '')
    const cutOff = await open({ brokers: [proxy.broker] })
    const successor = await open()
    const first = candidate(cutOff)
    await eventually(() => elected(first))
    const second = candidate(successor)
    proxy.cut(true)
    await eventually(() => elected(second), { timeoutMs: 60_000 })
    await work({ cutOff, first, successor, second, reconnect: () => proxy.cut(false) })
    await cutOff.close()
    await proxy.close()
  })

test('the holder keeps the role while others come and go', () =>
  withTopic(async ({ open }) => {
    const store = await open()
    const holder = candidate(store)
    await eventually(() => elected(holder))

    for (let i = 0; i < 3; i++) {
      const others = [candidate(await open()), candidate(await open())]
      await sleep(700)
      for (const { states, resign } of others) {
        assert.equal(states, [false])
        resign()
      }
    }

    assert.equal(holder.states, [false, true])
    await store.append([trade()])
    holder.resign()
  }))

test('a process that has resigned no longer appends', () =>
  withTopic(async ({ open }) => {
    const store = await open()
    const holder = candidate(store)
    await eventually(() => elected(holder))
    holder.resign()
    assert.ok(hasCode(await rejection(() => store.append([trade()])), 'NOT_THE_ACTIVE_WRITER'))
  }))

test(
  'the holder keeps the role while a broker is away for a moment',
  () =>
    withTopic(async ({ open }) => {
      const proxy = await kafkaProxy(kafkaBrokers[0] ?? '')
      const store = await open({ brokers: [proxy.broker] })
      const holder = candidate(store)
      await eventually(() => elected(holder))

      proxy.cut(true)
      await sleep(2_500)
      proxy.cut(false)

      await eventually(() => store.append([trade()]).then(() => true), { timeoutMs: 30_000 })
      assert.equal(holder.states, [false, true])
      await store.close()
      await proxy.close()
    }),
  { timeoutMs: 60_000 },
)

test(
  'a holder without a broker is replaced, appends nothing then, and stands by when it is back',
  () =>
    withReplaced(async ({ cutOff, first, successor, second, reconnect }) => {
      const meanwhile = await rejection(() => cutOff.append([trade({ source: 'cut off' })]))
      assert.ok(hasCode(meanwhile, 'EVENT_STORE_UNAVAILABLE'), `${meanwhile}`)
      reconnect()

      await eventually(() => first.states.length === 3, { timeoutMs: 30_000 })
      assert.equal(first.states, [false, true, false])
      assert.equal(second.states, [false, true])
      const back = await rejection(() => cutOff.append([trade({ source: 'cut off' })]))
      assert.ok(hasCode(back, 'NOT_THE_ACTIVE_WRITER'))
      assert.ok((await successor.heads()).every(({ head }) => head === 0))
      second.resign()
    }),
  { timeoutMs: 120_000 },
)

test(
  'a holder long without a broker gets ELECTION_LAPSED before it appends again',
  () =>
    withReplaced(async ({ cutOff, first, successor, second, reconnect }) => {
      await successor.append([trade()])
      second.resign()
      reconnect()

      const codes = new Set<unknown>()
      await eventually(async () => {
        const rejected = await rejection(() => cutOff.append([trade()]))
        if (rejected instanceof TradelogError) codes.add(rejected.code)
        return rejected === undefined
      })
      assert.ok(codes.has('ELECTION_LAPSED') || first.states.length > 2, [...codes].join(' '))
    }),
  { timeoutMs: 120_000 },
)

test('a batch is not sent if the process may not write at that moment', () =>
  withTopic(async ({ topic, open }) => {
    const store = await open()
    let allowed = false
    const producer = eventProducer({
      kafka: (mayWrite) => kafkaClient(storeOptions(topic), mayWrite),
      topic,
      partitions: 3,
      batchBytesMax: 1_000_000,
      logger: silent,
      now: Date.now,
    })
    const events = [trade({ symbol: 'AAPL' }), trade({ symbol: 'MSFT' })]
    const permit = () => () => allowed
    assert.ok(hasCode(await rejection(() => producer.append(events, permit)), unavailable))
    assert.ok((await store.heads()).every(({ head }) => head === 0))
    allowed = true
    await producer.append(events, permit)
    const heads = (await store.heads()).reduce((sum, { head }) => sum + head, 0)
    assert.is(heads, events.length)
    await producer.close()
  }))

const unavailable = 'EVENT_STORE_UNAVAILABLE'

test.run()
