import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { hasCode } from '../../src/domain/errors.ts'
import type { EventStore } from '../../src/event-store/event-store.ts'
import { rejection } from '../contracts/event-store-reader.ts'
import { eventually } from '../support/eventually.ts'
import { kafkaBrokers, kafkaSuite, withTopic } from '../support/kafka.ts'
import { kafkaProxy } from '../support/kafka-proxy.ts'
import { trade } from '../support/trade.ts'

const test = kafkaSuite('Kafka election')

const candidate = (store: EventStore) => {
  const states: boolean[] = []
  const subscription = store.elect('ingest').subscribe((elected) => states.push(elected))
  return { states, resign: () => subscription.unsubscribe() }
}

const elected = ({ states }: { states: readonly boolean[] }) => states.at(-1) === true

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

test('who has resigned no longer appends', () =>
  withTopic(async ({ open }) => {
    const store = await open()
    const holder = candidate(store)
    await eventually(() => elected(holder))
    holder.resign()
    assert.ok(hasCode(await rejection(() => store.append([trade()])), 'NOT_THE_ACTIVE_WRITER'))
  }))

test(
  'a broker away for a moment costs nobody the role',
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
  'a holder out of reach is replaced, appends nothing then, and stands by when it is back',
  () =>
    withTopic(async ({ open }) => {
      const proxy = await kafkaProxy(kafkaBrokers[0] ?? '')
      const cutOff = await open({ brokers: [proxy.broker] })
      const successor = await open()
      const first = candidate(cutOff)
      await eventually(() => elected(first))
      const second = candidate(successor)

      proxy.cut(true)
      await eventually(() => elected(second), { timeoutMs: 30_000 })
      const meanwhile = await rejection(() => cutOff.append([trade({ source: 'cut off' })]))
      assert.ok(hasCode(meanwhile, 'EVENT_STORE_UNAVAILABLE'), `${meanwhile}`)
      proxy.cut(false)

      await eventually(() => first.states.length === 3, { timeoutMs: 30_000 })
      assert.equal(first.states, [false, true, false])
      assert.equal(second.states, [false, true])
      const back = await rejection(() => cutOff.append([trade({ source: 'cut off' })]))
      assert.ok(hasCode(back, 'NOT_THE_ACTIVE_WRITER'))
      assert.ok((await successor.heads()).every(({ head }) => head === 0))
      second.resign()
      await cutOff.close()
      await proxy.close()
    }),
  { timeoutMs: 60_000 },
)

test.run()
