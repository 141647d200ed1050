import * as assert from 'uvu/assert'
import type { ContractTests } from '../event-store.ts'
import { elect, numbered, readAll } from './log-reading.ts'

export const election: ContractTests = {
  'one at a time is elected, and another when it resigns': async ({ open, until }) => {
    const [left, right] = [await open(), await open()]
    const first = elect(left)
    await until(first.elected)
    const second = elect(right)
    await until(() => second.states.length > 0)

    assert.not(second.elected())
    first.resign()
    await until(second.elected)

    second.resign()
  },

  'another is elected when the store of the first closes': async ({ open, until }) => {
    const [left, right] = [await open(), await open()]
    const first = elect(left)
    await until(first.elected)
    const second = elect(right)

    await left.close()

    await until(second.elected)
    second.resign()
  },

  'roles are filled apart, and the elected one appends': async ({ open, until }) => {
    const [left, right] = [await open(), await open()]
    const ingest = elect(left)
    const other = elect(right, 'other')
    await until(() => ingest.elected() && other.elected())

    await left.append(numbered(3))

    assert.is((await readAll(right)).length, 3)
    ingest.resign()
    other.resign()
  },
}
