import * as assert from 'uvu/assert'
import type { LogRecord } from '../../../src/domain/recorded-event.ts'
import { interruption, trade } from '../../support/trade.ts'
import type { ContractTests } from '../event-store.ts'
import { rejection } from '../event-store-reader.ts'
import { longest, numbered, readAll, recordsOf, slicesOf } from './log-reading.ts'

export const reading: ContractTests = {
  'a read starts and ends at the given offsets': async ({ open }) => {
    const store = await open()
    await store.append(numbered(40))
    await store.append(numbered(60))
    const all = await readAll(store)
    const partition = all[0]?.partition ?? 0

    for (const [from, to] of [
      [0, 100],
      [0, 1],
      [39, 41],
      [17, 83],
      [99, 100],
      [50, 50],
    ] as const) {
      const offsets = { from: all[from]?.offset ?? 0, to: (all[to - 1]?.offset ?? -1) + 1 }
      const records = recordsOf(await slicesOf(store, { partition, ...offsets, batchEventsMax: 7 }))
      assert.equal(records, all.slice(from, to), `${from} to ${to}`)
    }
  },

  'slices follow one another and are no larger than asked': async ({ open }) => {
    const store = await open()
    await store.append(numbered(95))
    const { partition, head: to } = await longest(store)

    const slices = await slicesOf(store, { partition, from: 0, to, batchEventsMax: 10 })

    assert.ok(slices.every(({ events }) => events.length <= 10))
    assert.is(slices[0]?.from, 0)
    assert.is(slices.at(-1)?.to, to)
    for (const [i, { from }] of slices.slice(1).entries()) assert.is(from, slices[i]?.to)
  },

  'a read ends at the head it found': async ({ open }) => {
    const store = await open()
    await store.append(numbered(5))
    const { partition } = await longest(store)

    const read = store.read({ partition, from: 0, to: 1_000_000, batchEventsMax: 2 })
    const records: LogRecord[] = []
    for await (const { events } of read) {
      records.push(...events)
      if (records.length < 5) await store.append(numbered(1))
    }

    assert.is(records.length, 5)
  },

  'an aborted read rejects and leaves the store usable': async ({ open }) => {
    const store = await open()
    await store.append(numbered(50))
    const { partition, head: to } = await longest(store)
    const abort = new AbortController()
    const { signal } = abort

    const error = await rejection(async () => {
      for await (const _ of store.read({ partition, from: 0, to, batchEventsMax: 5, signal })) {
        abort.abort(new Error('enough'))
      }
    })

    assert.ok(error instanceof Error)
    assert.is((await readAll(store)).length, 50)
  },

  'a read can be ended at any slice': async ({ open }) => {
    const store = await open()
    await store.append(numbered(50))
    const { partition, head: to } = await longest(store)

    for await (const slice of store.read({ partition, from: 0, to, batchEventsMax: 5 })) {
      assert.is(slice.events.length, 5)
      break
    }

    assert.is((await readAll(store)).length, 50)
  },

  'events of every type keep their order and their fields': async ({ open }) => {
    const store = await open()
    const events = [
      trade({ price: '1' }),
      interruption({ reason: 'silent' }),
      trade({ price: '2' }),
    ]

    await store.append(events)

    assert.equal(
      (await readAll(store)).map(({ event }) => event),
      events,
    )
  },

  'an unreadable record keeps its offset': async ({ open, appendForeign }) => {
    const store = await open()
    await store.append([trade({ price: '1' })])
    await appendForeign('AAPL', { type: 'TradeCancelled', version: 9, symbol: 'AAPL' })
    await store.append([trade({ price: '2' })])

    const events = (await readAll(store)).map(({ event }) => event)

    assert.equal(
      events.map((event) => (event.type === 'TradeExecuted' ? event.price : event.type)),
      ['1', 'Unreadable', '2'],
    )
    assert.ok(events[1]?.type === 'Unreadable' && events[1].reason.includes('TradeCancelled'))
  },
}
