import * as assert from 'uvu/assert'
import { hasCode } from '../../../src/domain/errors.ts'
import { encodeEvent } from '../../../src/domain/event.ts'
import type { RawRecord } from '../../../src/domain/recorded-event.ts'
import type { EventStore } from '../../../src/event-store/event-store.ts'
import { trade } from '../../support/trade.ts'
import type { ContractTests } from '../event-store.ts'
import { rejection } from '../event-store-reader.ts'
import { names, numbered, readAll } from './log-reading.ts'

async function rawRecords(store: EventStore): Promise<RawRecord[]> {
  const records: RawRecord[] = []
  for (const { partition, start: from, head: to } of await store.heads()) {
    for await (const some of store.readRaw({ partition, from, to, batchEventsMax: 7 })) {
      assert.ok(some.length <= 7)
      records.push(...some)
    }
  }
  return records
}

/** Records of different times, as in a log to be copied. */
const recordsOfTimes = (partition: number, times: readonly number[]): RawRecord[] =>
  times.map((recordedAt, i) => {
    const value = encodeEvent(trade({ price: String(i + 1) }))
    return { partition, offset: i, recordedAt, key: 'AAPL', value }
  })

export const raw: ContractTests = {
  'records are read unchanged, also those that cannot be decoded': async ({
    open,
    appendForeign,
  }) => {
    const store = await open()
    const events = numbered(30, names(5))
    await store.append(events)
    const foreign = { type: 'TradeCancelled', version: 9, symbol: 'AAPL' }
    await appendForeign('AAPL', foreign)

    const records = await rawRecords(store)

    assert.equal(
      records.map(({ partition, offset, recordedAt }) => [partition, offset, recordedAt]),
      (await readAll(store)).map(({ partition, offset, recordedAt }) => {
        return [partition, offset, recordedAt]
      }),
    )
    const texts = (values: readonly unknown[]) => values.map(String).sort()
    assert.equal(
      texts(records.map(({ key, value }) => `${key} ${value}`)),
      texts([
        ...events.map((event) => `${event.symbol} ${encodeEvent(event)}`),
        `AAPL ${JSON.stringify(foreign)}`,
      ]),
    )
  },

  'records are kept as they were, in their partition and with their time': async ({ open }) => {
    const store = await open()
    await store.appendRaw([])
    const day = 1_763_645_583_544
    const times = [day, day, day + 5, day - 7, day - 7, day]
    const given = [...recordsOfTimes(1, times), ...recordsOfTimes(0, [day, day + 1])]

    await store.appendRaw(given)

    const inOrder = [...given].sort((a, b) => a.partition - b.partition || a.offset - b.offset)
    assert.equal(await rawRecords(store), inOrder)
    assert.equal(
      (await readAll(store)).map(({ event }) => event.type),
      given.map(() => 'TradeExecuted'),
    )
  },

  'an event that this code cannot decode is kept too': async ({ open }) => {
    const store = await open()
    const [before, after] = recordsOfTimes(0, [1, 2])
    const value = JSON.stringify({ type: 'TradeCancelled', version: 9, symbol: 'AAPL' })
    const between = { partition: 0, offset: 1, recordedAt: 1, key: 'AAPL', value }
    assert.ok(before && after)

    await store.appendRaw([before, between, { ...after, offset: 2 }])

    const records = await rawRecords(store)
    assert.equal(records, [before, between, { ...after, offset: 2 }])
    assert.is((await readAll(store))[1]?.event.type, 'Unreadable')
  },

  'a closed store neither reads nor takes records': async ({ open }) => {
    const store = await open()
    await store.close()

    for (const use of [() => store.appendRaw(recordsOfTimes(0, [1])), () => rawRecords(store)]) {
      assert.ok(hasCode(await rejection(use), 'EVENT_STORE_CLOSED'))
    }
  },
}
