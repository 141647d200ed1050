import * as assert from 'uvu/assert'
import { logTail } from '../../src/ingest/log-tail.ts'
import { eventStoreDouble } from '../support/event-store-double.ts'
import { suite } from '../support/suite.ts'
import { trade } from '../support/trade.ts'

const test = suite('tail of the log')
const { signal } = new AbortController()

test('gives every record once, in steps that grow towards the beginning', async () => {
  const store = eventStoreDouble({ partitions: 1 })
  await store.append(Array.from({ length: 10_000 }, () => trade({})))
  const steps: [from: number, offsets: readonly number[]][] = []
  for await (const { from, records } of logTail(
    store,
    { partition: 0, start: 5, to: 9_990 },
    signal,
  )) {
    steps.push([from, records.map(({ offset }) => offset)])
  }
  assert.equal(
    steps.map(([from, { length }]) => [from, length]),
    [
      [8_990, 1_000],
      [6_990, 2_000],
      [2_990, 4_000],
      [5, 2_985],
    ],
  )
  assert.equal(
    steps.toReversed().flatMap(([, offsets]) => offsets),
    Array.from({ length: 9_985 }, (_, i) => i + 5),
  )
})

test('reads nothing of an empty partition, and no further than it is asked', async () => {
  const store = eventStoreDouble({ partitions: 1 })
  for await (const _ of logTail(store, { partition: 0, start: 0, to: 0 }, signal)) {
    assert.unreachable()
  }
  await store.append([trade({}), trade({})])
  const tail = logTail(store, { partition: 0, start: 0, to: 2 }, signal, 1)
  const { value } = await tail.next()
  assert.is(value?.from, 1)
  await tail.return(undefined)
})

test.run()
