import * as assert from 'uvu/assert'
import type { ContractTests } from '../event-store.ts'
import { readGroup } from '../event-store-reader.ts'
import { byPosition, names, numbered, readAll } from './log-reading.ts'

export const groups: ContractTests = {
  'every group gets every event': async ({ open, until }) => {
    const store = await open()
    await store.append(numbered(200, names(20)))

    const readers = [readGroup(store, { group: 'a' }), readGroup(store, { group: 'b' })]
    await store.append(numbered(200, names(20)))
    await until(() => readers.every(({ records }) => records.length === 400))

    const all = await readAll(store)
    for (const { records, stop } of readers) {
      assert.equal(byPosition(records), byPosition(all))
      stop()
    }
  },

  'two members of a group apply every event once, and the survivor goes on': async ({
    open,
    until,
  }) => {
    const [left, right] = [await open(), await open()]
    // What both write, as a read model's store would be.
    const shared = { checkpoint: new Map<number, number>(), batchEventsMax: 5 }
    const members = [readGroup(left, shared), readGroup(right, shared)]
    const applied = () => members.flatMap(({ records }) => records)

    await left.append(numbered(300, names(20)))
    await until(() => applied().length === 300)
    members[0]?.stop()
    await right.append(numbered(300, names(20)))
    await until(() => applied().length === 600)

    assert.equal(byPosition(applied()), byPosition(await readAll(left)))
    members[1]?.stop()
  },

  'a store that closes gives its partitions to another': async ({ open, until }) => {
    const [left, right] = [await open(), await open()]
    const shared = { checkpoint: new Map<number, number>() }
    const first = readGroup(left, shared)
    await left.append(numbered(20))
    await until(() => first.records.length === 20)
    const second = readGroup(right, shared)

    await left.close()
    await right.append(numbered(20))

    await until(() => first.records.length + second.records.length === 40)
    second.stop()
  },
}
