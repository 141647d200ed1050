import * as assert from 'uvu/assert'
import { hasCode, TradelogError } from '../../src/domain/errors.ts'
import { openActiveGeneration } from '../../src/projections/active-generation.ts'
import { symbols } from '../../src/projections/read-models/symbols.ts'
import { openBuild } from '../../src/projections/replay/build-generation.ts'
import { withReplayLeases } from '../../src/projections/replay-lease.ts'
import type { ReadModelStore } from '../../src/read-model-store/read-model-store.ts'
import { memoryLog, openMemoryEventStore } from '../support/memory-event-store.ts'
import { memoryDatabase, openMemoryReadModelStore } from '../support/memory-read-model-store.ts'
import { suite } from '../support/suite.ts'

const test = suite('active generation')

function twoProcesses() {
  const database = memoryDatabase()
  const open = () => openMemoryReadModelStore({ database })
  return { database, first: open(), second: open() }
}

const emptyLog = () => openMemoryEventStore({ log: memoryLog({ partitions: 2 }) })

const refusal = (attempt: Promise<unknown>): Promise<unknown> =>
  attempt.then(
    () => undefined,
    (error: unknown) => error,
  )

const openIn = (store: ReadModelStore) => openActiveGeneration(store, symbols)

test('the first process creates it, the others open it', async () => {
  const { first, second } = twoProcesses()
  const made = await openIn(first)
  const opened = await openIn(second)
  assert.equal(opened.info, made.info)
  assert.is((await second.pointer('symbols'))?.active, made.info.id)
})

test('one that was lost with its database is created again', async () => {
  const { database, first } = twoProcesses()
  const lost = await openIn(first)
  database.tables.delete(lost.info.id)
  const made = await openIn(first)
  assert.is.not(made.info.id, lost.info.id)
  assert.is((await first.pointer('symbols'))?.active, made.info.id)
})

test('no replay drops or fills it between its creation and its promotion', async () => {
  const { database, first, second } = twoProcesses()
  const replayed = async () =>
    withReplayLeases(second, [symbols], (assertHeld) =>
      openBuild(second, emptyLog(), symbols, assertHeld),
    )
  let meanwhile: unknown
  const made = await openIn({
    ...first,
    promote: async (...pointer) => {
      meanwhile = await refusal(replayed())
      return first.promote(...pointer)
    },
  })
  assert.ok(hasCode(meanwhile, 'LEASE_HELD'))
  assert.ok(database.tables.has(made.info.id))
})

test('it is not created while a replay builds the first', async () => {
  const { database, first, second } = twoProcesses()
  const refused = await withReplayLeases(second, [symbols], () => refusal(openIn(first)))
  assert.ok(hasCode(refused, 'LEASE_HELD'))
  assert.is(database.tables.size, 0)
})

test('a replay that has lost its lease drops no obsolete generation', async () => {
  const { database, first, second } = twoProcesses()
  const obsolete = await first.create({ model: 'symbols', version: 1, kind: 'state' })
  await first.create({ model: 'symbols', version: 1, kind: 'state' })
  const lost = () => Promise.reject(new TradelogError('LEASE_HELD', 'another process has it'))
  const refused = await refusal(openBuild(second, emptyLog(), symbols, lost))
  assert.ok(hasCode(refused, 'LEASE_HELD'))
  assert.ok(database.tables.has(obsolete.info.id))
})

test.run()
