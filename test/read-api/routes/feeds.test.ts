import * as assert from 'uvu/assert'
import { eventually } from '../../support/eventually.ts'
import {
  feedReport,
  ingestReport,
  refusedReport,
  reportedSince,
} from '../../support/ingest-report.ts'
import { startTestApi, type TestApi } from '../../support/read-api.ts'
import { suite } from '../../support/suite.ts'

const test = suite('GET /api/v1/feeds')

const iso = (unixMs: number) => new Date(unixMs).toISOString()

/** The feeds, each without the time of its report, and the state of ingest. */
async function shown({ get }: TestApi) {
  const { data, ingest } = (await get('/api/v1/feeds')).json.data
  return { feeds: data, ingest }
}

const statesOf = async (api: TestApi) => {
  const { feeds, ingest } = await shown(api)
  return [ingest.state, ...feeds.map(({ state }: { state: string | null }) => state)]
}

test('shows what ingest knows of a feed', async () => {
  const api = await startTestApi({ expectsIngest: true })
  const interruption = { from: reportedSince, until: null, reason: 'silent' }
  const status = ingestReport({
    feeds: [feedReport({ interruption }), feedReport({ source: 'other', state: 'played' })],
  })
  await api.store.writeStatus('ingest:1', status)
  const { feeds, ingest } = await shown(api)
  const { status_at, ...first } = feeds[0]
  assert.equal(first, {
    source: 'finnhub',
    state: 'connected',
    since: iso(reportedSince),
    problem: null,
    heard_until: iso(reportedSince + 5_000),
    last_trade_at: iso(reportedSince + 4_000),
    interruption: { from: iso(reportedSince), until: null, reason: 'silent' },
    is_stale: false,
  })
  assert.ok(Math.abs(Date.parse(status_at) - Date.now()) < 10_000)
  assert.is(feeds[1].source, 'other')
  assert.is(feeds[1].state, 'played')
  const expected = { state: 'active', since: iso(reportedSince), problems: [], status_at }
  assert.equal(ingest, expected)
  await api.close()
})

test('says that a feed refuses its token, since when, and what to do', async () => {
  const api = await startTestApi({ expectsIngest: true })
  await api.store.writeStatus('ingest:1', refusedReport())
  const { feeds, ingest } = await shown(api)
  assert.is(feeds[0].state, 'disconnected')
  assert.is(feeds[0].problem, 'the feed answers 401: check finnhub.token')
  assert.is(feeds[0].heard_until, null)
  assert.equal(ingest.problems, [
    {
      part: 'feed',
      message: 'is not connected: the feed answers 401: check finnhub.token',
      since: iso(reportedSince),
    },
  ])
  await api.close()
})

test('no feed is known to be connected once its process has been silent for ten seconds', async () => {
  let late = 0
  const now = Date.now()
  const api = await startTestApi({ expectsIngest: true, now: () => now + late })
  assert.equal(await statesOf(api), ['not reported'])
  assert.is((await shown(api)).ingest.since, null)
  await api.store.writeStatus('ingest:1', ingestReport())
  late = 9_000
  assert.equal(await statesOf(api), ['active', 'connected'])
  late = 60_000
  assert.equal(await statesOf(api), ['not reported', null])
  const { feeds, ingest } = await shown(api)
  assert.ok(feeds[0].is_stale)
  assert.is(feeds[0].heard_until, iso(reportedSince + 5_000))
  assert.is(feeds[0].since, feeds[0].status_at)
  assert.is(ingest.since, feeds[0].status_at)
  assert.match(ingest.problems[0].message, /^no process has reported on the feed for \d+ s$/)
  await api.close()
})

test('a process that stands by, or has no feed, does not hide the one that listens', async () => {
  const api = await startTestApi({ expectsIngest: true })
  await api.store.writeStatus('ingest:1', ingestReport())
  await api.store.writeStatus('ingest:2', ingestReport({ state: 'standing by' }))
  await api.store.writeStatus('ingest:3', ingestReport({ state: 'stopped' }))
  await api.store.writeStatus('ingest:4', ingestReport({ feeds: [] }))
  assert.equal(await statesOf(api), ['active', 'connected'])
  await api.close()
})

test('of a process that was killed and its successor, the successor counts', async () => {
  const api = await startTestApi({ expectsIngest: true })
  await api.store.writeStatus('ingest:1', refusedReport())
  const reportedAt = Date.now()
  await eventually(() => Date.now() > reportedAt)
  await api.store.writeStatus('ingest:2', ingestReport())
  assert.equal(await statesOf(api), ['active', 'connected'])
  await api.close()
})

test('if every process stands by or was stopped, no feed is known to be connected', async () => {
  const api = await startTestApi({ expectsIngest: true })
  for (const state of ['standing by', 'stopped'] as const) {
    await api.store.writeStatus('ingest:1', ingestReport({ state }))
    assert.equal(await statesOf(api), [state, null])
  }
  await api.close()
})

test('says that there is no feed if the settings name none', async () => {
  const api = await startTestApi({ expectsIngest: false })
  assert.equal(await statesOf(api), ['no feed'])
  await api.store.writeStatus('ingest:1', ingestReport({ feeds: [] }))
  assert.equal(await statesOf(api), ['no feed'])
  await api.close()
})

test.run()
