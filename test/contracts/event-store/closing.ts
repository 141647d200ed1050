import * as assert from 'uvu/assert'
import { hasCode } from '../../../src/domain/errors.ts'
import { trade } from '../../support/trade.ts'
import type { ContractTests } from '../event-store.ts'
import { readGroup, rejection } from '../event-store-reader.ts'
import { elect, longest, numbered, readAll, slicesOf } from './log-reading.ts'

export const closing: ContractTests = {
  'every method of a closed store says that it is closed': async ({ open, until }) => {
    const store = await open()
    await store.append(numbered(1))
    await store.close()

    const read = { partition: 0, from: 0, to: 1, batchEventsMax: 1 }
    const reader = readGroup(store)
    const election = elect(store)

    for (const use of [
      () => store.append([trade()]),
      () => store.append([]),
      () => store.heads(),
      () => slicesOf(store, read),
    ]) {
      assert.ok(hasCode(await rejection(use), 'EVENT_STORE_CLOSED'))
    }
    await until(() => hasCode(reader.error(), 'EVENT_STORE_CLOSED'))
    await until(() => hasCode(election.error(), 'EVENT_STORE_CLOSED'))
  },

  'a second close waits for the first': async ({ open }) => {
    const store = await open()

    await Promise.all([store.close(), store.close()])
    await store.close()
  },

  'closing completes live streams': async ({ open, until }) => {
    const store = await open()
    await store.append(numbered(5))
    const reader = readGroup(store, { acknowledge: false })
    const election = elect(store)
    await until(() => reader.batches.length === 1 && election.elected())

    await store.close()

    assert.ok(await until(reader.completed))
    assert.ok(await until(election.completed))
  },

  'closing rejects a read, which would otherwise look complete': async ({ open }) => {
    const store = await open()
    await store.append(numbered(50))
    const { partition, head: to } = await longest(store)
    const closed: Promise<void>[] = []

    const error = await rejection(async () => {
      for await (const _ of store.read({ partition, from: 0, to, batchEventsMax: 5 })) {
        closed.push(store.close())
      }
    })

    assert.ok(hasCode(error, 'EVENT_STORE_CLOSED'))
    await Promise.all(closed)
  },

  'closing waits for the append in flight': async ({ open }) => {
    const store = await open()

    const appended = store.append(numbered(2_000))
    await store.close()
    await appended

    assert.is((await readAll(await open())).length, 2_000)
  },
}
