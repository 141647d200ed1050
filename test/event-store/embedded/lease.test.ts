import { hostname } from 'node:os'
import * as assert from 'uvu/assert'
import { hasCode, isRetriable } from '../../../src/domain/errors.ts'
import { openEmbeddedEventStore } from '../../../src/event-store/embedded/embedded-event-store.ts'
import { openEmbeddedLog } from '../../../src/event-store/embedded/log.ts'
import type { EventStore } from '../../../src/event-store/event-store.ts'
import { transact } from '../../../src/runtime/lmdb.ts'
import { readGroup, rejection } from '../../contracts/event-store-reader.ts'
import { eventually } from '../../support/eventually.ts'
import { suite } from '../../support/suite.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { trade } from '../../support/trade.ts'

const test = suite('leases of the embedded event store')
const partitions = 2

type Thief = Readonly<{
  steal: (lease: string) => Promise<void>
  release: (lease: string) => Promise<void>
}>

/** What another process does when this one hung for longer than its lease lives. */
async function withThief(
  body: (store: EventStore, thief: Thief) => Promise<unknown>,
): Promise<void> {
  const directory = temporaryDirectory()
  const store = await openEmbeddedEventStore({ directory, partitions })
  const log = await openEmbeddedLog({ directory, partitions })
  const { ppid: pid } = process
  const owner = { holder: 'thief', pid, host: hostname(), process: 'thief', fence: 100 }
  const put = (lease: string, expiresAt: number) =>
    transact(log.leases, () => log.leases.putSync(lease, { ...owner, expiresAt }))
  try {
    await body(store, {
      steal: (lease) => put(lease, Date.now() + 60_000),
      release: (lease) => put(lease, 0),
    })
  } finally {
    await log.close()
    await store.close()
  }
}

test('a group taken over errors its stream with a retriable code', () =>
  withThief(async (store, { steal }) => {
    const reader = readGroup(store)
    await eventually(() => reader.assigned.length > 0)

    await steal('group:group')

    const error = await eventually(reader.error)
    assert.ok(hasCode(error, 'CHECKPOINT_MOVED') && isRetriable(error))
  }))

test('a group taken over gives no further batch', () =>
  withThief(async (store, { steal }) => {
    const reader = readGroup(store, { acknowledge: false, batchEventsMax: 1 })
    await store.append([trade(), trade()])
    await eventually(() => reader.batches.length === 1)

    await steal('group:group')
    reader.batches[0]?.ack()

    await eventually(reader.error)
    assert.is(reader.batches.length, 1)
  }))

test('a member that stands by gets the partitions when they are free', () =>
  withThief(async (store, { steal, release }) => {
    await steal('group:group')
    await store.append([trade()])
    const reader = readGroup(store)

    await release('group:group')

    await eventually(() => reader.records.length === 1)
    reader.stop()
  }))

test('the active writer that lost its lease appends nothing until it is elected again', () =>
  withThief(async (store, { steal, release }) => {
    const states: boolean[] = []
    const election = store.elect('ingest').subscribe((elected) => states.push(elected))
    await store.append([trade()])

    await steal('role:ingest')
    const error = await rejection(() => store.append([trade()]))

    assert.ok(hasCode(error, 'NOT_THE_ACTIVE_WRITER'))
    await eventually(() => states.at(-1) === false)
    await release('role:ingest')
    await eventually(() => states.at(-1) === true)
    await store.append([trade()])
    assert.equal(states, [true, false, true])
    assert.is(
      (await store.heads()).reduce((sum, { head }) => sum + head, 0),
      2,
    )
    election.unsubscribe()
  }))

test.run()
