import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import { reportIngest, statusOf } from '../../src/cli/ingest-status.ts'
import { openEmbeddedEventStore } from '../../src/event-store/embedded/embedded-event-store.ts'
import { startIngest } from '../../src/ingest/ingestor.ts'
import type { IngestStatus } from '../../src/read-model-store/status.ts'
import { eventually } from '../support/eventually.ts'
import { ingestReport } from '../support/ingest-report.ts'
import { openMemoryReadModelStore } from '../support/memory-read-model-store.ts'
import { silent } from '../support/silent.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const test = suite('the status row of ingest')

type Write = (source: string, status: unknown) => Promise<void>

/** Reports every few milliseconds to a store that does what the test says. */
function startReport(write: Write, status = async () => ingestReport()) {
  const logged: { level: number; msg: string }[] = []
  const logger = pino({ base: null }, { write: (line) => logged.push(JSON.parse(line)) })
  let opened = 0
  const clock = { ms: 0 }
  const report = reportIngest({
    openStore: async () => {
      opened++
      return { writeStatus: write }
    },
    processName: 'here:1',
    status,
    logger,
    closeMsMax: 50,
    everyMs: 5,
    now: () => clock.ms,
  })
  return { report, logged, clock, opened: () => opened }
}

test('is written again and again, and a last time when ingest has stopped', async () => {
  const rows: [source: string, state: string][] = []
  let state: IngestStatus['state'] = 'active'
  const write: Write = async (source, status) => {
    rows.push([source, (status as IngestStatus).state])
  }
  const { report, logged, opened } = startReport(write, async () => ingestReport({ state }))
  await eventually(() => rows.length > 3)
  assert.equal(rows[0], ['ingest:here:1', 'active'])
  state = 'stopped'
  await report.close()
  assert.equal(rows.at(-1), ['ingest:here:1', 'stopped'])
  const written = rows.length
  await sleep(30)
  assert.is(rows.length, written)
  assert.is(opened(), 1)
  assert.equal(logged, [])
})

test('a store that is away is warned of once, then seldom, and that it is back', async () => {
  let isAway = true
  let attempts = 0
  const { report, logged, clock } = startReport(async () => {
    attempts++
    if (isAway) throw new Error('no server answers')
  })
  await eventually(() => attempts > 3)
  assert.is(logged.length, 1)
  assert.match(logged[0]?.msg ?? '', "the status of ingest isn't written")
  assert.match(logged[0]?.msg ?? '', 'no server answers')
  clock.ms += 11 * 60_000
  await eventually(() => logged.length === 2)
  isAway = false
  await eventually(() => logged.length === 3)
  assert.is(logged[2]?.msg, 'the status of ingest is written again')
  await report.close()
})

test('a store that cannot be opened is opened later, without holding up anything', async () => {
  const store = openMemoryReadModelStore()
  let isAway = true
  const report = reportIngest({
    openStore: async () => {
      if (isAway) throw new Error('no server answers')
      return store
    },
    processName: 'here:1',
    status: async () => ingestReport(),
    logger: silent,
    closeMsMax: 50,
    everyMs: 5,
  })
  await sleep(20)
  isAway = false
  await eventually(async () => (await store.statuses()).length === 1)
  assert.is((await store.statuses())[0]?.source, 'ingest:here:1')
  await report.close()
})

test('a store that hangs or is away does not keep ingest from stopping', async () => {
  for (const write of [
    () => new Promise<void>(() => {}),
    () => Promise.reject(new Error('no server answers')),
  ]) {
    const { report } = startReport(write)
    await sleep(20)
    await report.close()
  }
})

test('says the state of each feed, and the reasons why ingest is not ready', async () => {
  const eventStore = await openEmbeddedEventStore({
    directory: temporaryDirectory(),
    partitions: 1,
  })
  const source = 'finnhub'
  const role = startIngest({
    eventStore,
    feeds: [
      {
        source,
        protocol: {
          url: 'ws://127.0.0.1:1',
          pingEveryMs: 1_000,
          subscribe: () => [],
          unsubscribe: () => [],
          parse: () => ({ kind: 'other', trades: [], rejected: [] }),
        },
        symbols: ['AAPL'],
        isRecorded: false,
      },
    ],
    directory: temporaryDirectory(),
    bufferEventsMax: 10,
    appendEventsMax: 10,
    logger: silent,
  })
  const isActive = () => role.stats().state === 'active'
  await eventually(() => isActive() && role.stats().feeds[0]?.state === 'disconnected')
  const reason = { part: 'feed', message: 'is not connected', since: '2025-11-20T00:00:00.000Z' }
  const { kind, state, feeds, problems } = statusOf(role.stats(), [reason])
  assert.equal([kind, state], ['ingest', 'active'])
  assert.equal(
    feeds.map((feed) => [feed.source, feed.state]),
    [[source, 'disconnected']],
  )
  assert.equal(problems, [{ ...reason, since: Date.UTC(2025, 10, 20) }])
  await role.stop({ timeoutMs: 1_000 })
  assert.is(statusOf(role.stats(), []).state, 'stopped')
  await eventStore.close()
})

test.run()
