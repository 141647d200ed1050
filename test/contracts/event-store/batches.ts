import * as assert from 'uvu/assert'
import { TradelogError } from '../../../src/domain/errors.ts'
import { trade } from '../../support/trade.ts'
import type { ContractTests } from '../event-store.ts'
import { hold, readGroup } from '../event-store-reader.ts'
import { longest, names, numbered, readAll } from './log-reading.ts'

export const batches: ContractTests = {
  'batches begin at the given offset and follow the log for ever': async ({ open, until }) => {
    const store = await open()
    await store.append(numbered(10))
    const all = await readAll(store)
    const { partition, head } = await longest(store)

    const reader = readGroup(store, { checkpoint: new Map([[partition, all[4]?.offset ?? 0]]) })
    await until(() => reader.records.length === 6)
    await store.append(numbered(3))
    await until(() => reader.records.length === 9)

    assert.equal(reader.records, (await readAll(store)).slice(4))
    assert.is(reader.checkpoint.get(partition), (await longest(store)).head)
    assert.ok(head < (await longest(store)).head)
    reader.stop()
  },

  'the next batch of a partition comes only after the acknowledgement': async ({ open, until }) => {
    const store = await open()
    await store.append(numbered(30))
    const reader = readGroup(store, { batchEventsMax: 10, acknowledge: false })

    await until(() => reader.batches.length === 1)
    await store.append(numbered(30))
    await hold()
    assert.is(reader.batches.length, 1)
    reader.batches[0]?.ack()
    await until(() => reader.batches.length === 2)
    // A second acknowledgement of the same batch does not acknowledge the next one.
    reader.batches[0]?.ack()
    await hold()

    assert.is(reader.batches.length, 2)
    assert.is(reader.batches[1]?.from, reader.batches[0]?.to)
    reader.stop()
  },

  'a partition that waits does not hold up the others': async ({ open, until }) => {
    const store = await open()
    await store.append(numbered(100, names(40)))
    const filled = (await store.heads()).filter(({ head }) => head > 0)

    const reader = readGroup(store, { acknowledge: false })
    await until(() => reader.batches.length === filled.length)

    assert.is(new Set(reader.batches.map(({ partition }) => partition)).size, filled.length)
    reader.stop()
  },

  'a batch names its log and is no larger than asked': async ({ open, until }) => {
    const store = await open()
    await store.append(numbered(45))

    const reader = readGroup(store, { batchEventsMax: 10 })
    await until(() => reader.records.length === 45)

    assert.ok(reader.batches.every(({ events }) => events.length <= 10))
    const { origin } = await longest(store)
    assert.ok(reader.batches.every((batch) => batch.origin === origin))
    reader.stop()
  },

  'a batch that was not acknowledged comes again': async ({ open, until }) => {
    const store = await open()
    await store.append(numbered(10))
    const checkpoint = new Map<number, number>()
    const first = readGroup(store, { checkpoint, acknowledge: false })
    await until(() => first.batches.length === 1)

    first.stop()
    // Late, after the partitions were released: it must do no harm.
    first.batches[0]?.ack()
    checkpoint.clear()
    const second = readGroup(store, { checkpoint })
    await until(() => second.records.length === 10)

    assert.equal(second.records, await readAll(store))
    second.stop()
  },

  'startFrom is called at every assignment, with the bounds': async (log) => {
    const store = await log.open()
    await store.append(numbered(10))
    const { partition, origin } = await longest(store)
    const first = readGroup(store)
    await log.until(() => first.records.length === 10)
    first.stop()

    const second = readGroup(store, { checkpoint: new Map([[partition, 0]]) })
    await log.until(() => second.records.length === 10)

    for (const reader of [first, second]) {
      const assigned = reader.assigned.find((bounds) => bounds.partition === partition)
      assert.is(assigned?.start, 0)
      assert.is(assigned?.origin, origin)
      assert.ok(reader.assigned.length >= log.partitions)
    }
    second.stop()
  },

  'a rejection of startFrom errors the stream': async ({ open, until }) => {
    const store = await open()
    const refusal = new TradelogError('LOG_REPLACED', 'another log')

    const reader = readGroup(store, { refusal })

    assert.is(await until(() => reader.error()), refusal)
  },

  'an unreadable record is delivered as such': async ({ open, appendForeign, until }) => {
    const store = await open()
    await store.append([trade()])
    await appendForeign('AAPL', { type: 'TradeExecuted', version: 2, symbol: 'AAPL' })

    const reader = readGroup(store)
    await until(() => reader.records.length === 2)

    assert.is(reader.records[1]?.event.type, 'Unreadable')
    reader.stop()
  },
}
