import * as assert from 'uvu/assert'
import { partitionOf } from '../../../src/domain/partition.ts'
import { trade } from '../../support/trade.ts'
import type { ContractTests } from '../event-store.ts'
import { asRecords, eventsOf, names, numbered, readAll } from './log-reading.ts'

export const appending: ContractTests = {
  'an empty log has heads of zero and gives nothing': async ({ open, partitions }) => {
    const store = await open()

    const heads = await store.heads()

    assert.equal(
      heads.map(({ partition, start, head }) => ({ partition, start, head })),
      Array.from({ length: partitions }, (_, partition) => ({ partition, start: 0, head: 0 })),
    )
    assert.equal(await readAll(store), [])
  },

  'appending nothing changes nothing': async ({ open }) => {
    const store = await open()

    await store.append([])

    assert.ok((await store.heads()).every(({ head }) => head === 0))
  },

  'events come back as they were, in the order of their key': async ({ open }) => {
    const store = await open()
    const events = numbered(300, ['AAPL', 'MSFT', 'TSLA'])

    const before = Date.now()
    await store.append(events.slice(0, 100))
    await store.append(events.slice(100))

    const records = await readAll(store)
    assert.is(records.length, 300)
    for (const symbol of ['AAPL', 'MSFT', 'TSLA']) {
      assert.equal(eventsOf(records, symbol), eventsOf(asRecords(events), symbol))
    }
    assert.ok(records.every(({ recordedAt }) => recordedAt >= before - 1_000))
    assert.ok(records.every(({ recordedAt }) => recordedAt <= Date.now() + 1_000))
  },

  'the partition is murmur2 of the symbol, and offsets rise in it': async (log) => {
    const store = await log.open()
    await store.append(numbered(500, names(50)))

    const next = new Map<number, number>()
    for (const { partition, offset, event } of await readAll(store)) {
      assert.is(
        event.type === 'TradeExecuted' && partitionOf(event.symbol, log.partitions),
        partition,
      )
      assert.ok(offset >= (next.get(partition) ?? 0))
      next.set(partition, offset + 1)
    }
    for (const { partition, head } of await store.heads()) {
      assert.ok(head >= (next.get(partition) ?? 0))
    }
  },

  'symbols are any text': async ({ open }) => {
    const store = await open()
    const symbols = [
      '__proto__',
      'constructor',
      'IC MARKETS:1',
      'KRAKEN:XBT/USD',
      '日経225',
      '🦄',
      '"\\',
    ]
    const events = symbols.map((symbol) => trade({ symbol }))

    await store.append(events)

    const records = await readAll(store)
    for (const symbol of symbols) assert.equal(eventsOf(records, symbol), [trade({ symbol })])
  },

  'equal events are all kept': async ({ open }) => {
    const store = await open()
    const event = trade()

    await store.append([event, event])
    await store.append([event])

    assert.is((await readAll(store)).length, 3)
  },

  'an append of 25,000 events is whole and in order': async ({ open }) => {
    const store = await open()
    const events = numbered(25_000, ['AAPL', 'MSFT'])

    await store.append(events)

    const records = await readAll(store)
    assert.is(records.length, events.length)
    assert.equal(eventsOf(records, 'AAPL'), eventsOf(asRecords(events), 'AAPL'))
  },

  'what was appended is there when the log is opened again': async ({ open }) => {
    const first = await open()
    await first.append(numbered(10, names(5)))
    const heads = await first.heads()
    const records = await readAll(first)
    await first.close()

    const second = await open()

    assert.equal(await second.heads(), heads)
    assert.equal(await readAll(second), records)
  },

  'a partition that holds an event has an origin, the same for every store': async ({ open }) => {
    const [one, other] = [await open(), await open()]

    await one.append(numbered(50, names(20)))

    const origins = (await one.heads()).map(({ origin }) => origin)
    assert.ok(origins.every((origin) => typeof origin === 'string' && origin !== ''))
    assert.is(new Set(origins).size, origins.length)
    assert.equal(
      (await other.heads()).map(({ origin }) => origin),
      origins,
    )
  },
}
