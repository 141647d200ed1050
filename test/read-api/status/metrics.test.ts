import * as assert from 'uvu/assert'
import { readModels } from '../../../src/projections/read-models/index.ts'
import type { ReplayStatus, VerifyStatus } from '../../../src/read-model-store/status.ts'
import { openEventStream } from '../../support/event-stream.ts'
import { eventually } from '../../support/eventually.ts'
import { feedReport, ingestReport } from '../../support/ingest-report.ts'
import { startTestApi, type TestApi } from '../../support/read-api.ts'
import { scrapeUrl } from '../../support/scrape.ts'
import { suite } from '../../support/suite.ts'
import { trade } from '../../support/trade.ts'

const test = suite('GET /metrics')
const valuesOf = ({ api }: TestApi) => scrapeUrl(`${api.url}/metrics`)
const now = Date.now()

test('counts requests by method, route template and status, and measures them', async () => {
  const api = await startTestApi()
  await api.record([trade()])
  for (let i = 0; i < 3; i++) await api.get('/api/v1/trades/AAPL')
  await api.get('/api/v1/trades/MSFT')
  await api.get('/api/v1/trades/AAPL?limit=x')
  await api.get('/api/v1/symbols', { method: 'POST' })
  for (const path of ['/no/such/path', '/.env']) await api.get(path)
  const value = await valuesOf(api)
  const requests = (method: string, route: string, status: number) =>
    value(`tradelog_api_requests_total{method="${method}",route="${route}",status="${status}"}`)
  const route = '/api/v1/trades/:symbol'
  assert.is(requests('GET', route, 200), 3, 'those answered as kept are among them')
  assert.is(requests('GET', route, 404), 1)
  assert.is(requests('GET', route, 400), 1)
  assert.is(requests('POST', 'none', 405), 1)
  assert.is(requests('GET', 'none', 404), 2)
  assert.is(value(`tradelog_api_request_duration_seconds_count{route="${route}"}`), 5)
  await api.close()
})

test('counts the clients of the stream, but does not measure streams as latency', async () => {
  const api = await startTestApi()
  const stream = await openEventStream({ port: api.api.port })
  const value = await valuesOf(api)
  assert.is(value('tradelog_api_stream_clients'), 1)
  assert.ok(Number(value('tradelog_api_stream_clients_max')) > 1)
  const route = 'route="/api/v1/stream"'
  assert.is(value(`tradelog_api_requests_total{method="GET",${route},status="200"}`), 1)
  assert.is(value(`tradelog_api_request_duration_seconds_count{${route}}`), undefined)
  stream.response.destroy()
  await eventually(async () => (await valuesOf(api))('tradelog_api_stream_clients') === 0)
  await api.close()
})

test('shows what processes report on each read model, and whether the API is ready', async () => {
  let late = 0
  const api = await startTestApi({ now: () => Date.now() + late })
  await report(api)
  const before = await valuesOf(api)
  assert.is(before('tradelog_api_ready'), 1)
  assert.is(before('tradelog_read_model_state{model="trades",state="caught up"}'), 1)
  assert.is(before('tradelog_read_model_state{model="trades",state="frozen"}'), 0)
  assert.is(before('tradelog_read_model_lag_events{model="trades"}'), 5)
  late = 30_000
  const after = await valuesOf(api)
  assert.is(after('tradelog_api_ready'), 0)
  assert.is(after('tradelog_read_model_state{model="trades",state="caught up"}'), 0)
  assert.is(after('tradelog_read_model_state{model="trades",state="frozen"}'), 1)
  assert.ok(Number(after('tradelog_read_model_status_age_seconds{model="trades"}')) >= 30)
  await api.close()
})

test('shows what ingest reports on each feed, and that nothing is known when it is silent', async () => {
  let late = 0
  const api = await startTestApi({ expectsIngest: true, now: () => now + late })
  const state = (feed: string, of: string) =>
    `tradelog_api_feed_state{feed="${feed}",state="${of}"}`
  const ingest = (of: string) => `tradelog_api_ingest_state{state="${of}"}`
  assert.is((await valuesOf(api))(ingest('not reported')), 1)
  const feeds = [
    feedReport({ heardUntil: now - 7_000 }),
    feedReport({ source: 'other', state: 'disconnected', heardUntil: null }),
  ]
  await api.store.writeStatus('ingest:1', ingestReport({ feeds }))
  const before = await valuesOf(api)
  assert.is(before(ingest('active')), 1)
  assert.is(before(ingest('not reported')), 0)
  assert.is(before(state('finnhub', 'connected')), 1)
  assert.is(before(state('other', 'connected')), 0)
  assert.is(before(state('other', 'disconnected')), 1)
  assert.is(before('tradelog_api_feed_heard_age_seconds{feed="finnhub"}'), 7)
  assert.is(before('tradelog_api_feed_heard_age_seconds{feed="other"}'), undefined)
  late = 30_000
  const after = await valuesOf(api)
  assert.is(after(ingest('not reported')), 1)
  assert.is(after(state('finnhub', 'connected')), 0)
  assert.is(after(state('finnhub', 'unknown')), 1)
  assert.is(after('tradelog_api_feed_heard_age_seconds{feed="finnhub"}'), 37)
  await api.close()
})

test('shows the latest replay and verification of each read model', async () => {
  const api = await startTestApi()
  const replay: ReplayStatus = {
    kind: 'replay',
    model: 'trades',
    version: 1,
    generation: 'trades-2',
    state: 'building',
    eventsDone: 40,
    eventsTotal: 100,
    eventsPerSecond: 10,
    remainingMs: 6_000,
    startedAt: now,
    error: null,
  }
  const verification: VerifyStatus = {
    kind: 'verify',
    model: 'trades',
    generation: 'trades-1',
    result: 'different',
    detail: 'a row is missing',
    rowsCompared: 10,
    differences: 1,
    eventsSkipped: 2,
    startedAt: now - 1_000,
    finishedAt: now,
  }
  await api.store.writeStatus('replay:trades', replay)
  await api.store.writeStatus('verify:trades', verification)
  const value = await valuesOf(api)
  assert.is(value('tradelog_replay_building{model="trades"}'), 1)
  assert.is(value('tradelog_replay_events_done{model="trades"}'), 40)
  assert.is(value('tradelog_replay_events_expected{model="trades"}'), 100)
  assert.is(value('tradelog_verify_result{model="trades",result="different"}'), 1)
  assert.is(value('tradelog_verify_result{model="trades",result="equal"}'), 0)
  assert.is(value('tradelog_verify_events_skipped{model="trades"}'), 2)
  assert.is(value('tradelog_verify_finished_timestamp_seconds{model="trades"}'), now / 1_000)
  assert.is(value('tradelog_verify_finished_timestamp_seconds{model="symbols"}'), undefined)
  await api.close()
})

test('answers while the store is unavailable, without the values that are unknown', async () => {
  const api = await startTestApi()
  await report(api)
  assert.is((await valuesOf(api))('tradelog_api_read_model_store_up'), 1)
  for (const fault of ['away', 'broken', 'hanging'] as const) {
    api.store.fault = fault
    const value = await valuesOf(api)
    assert.is(value('tradelog_api_read_model_store_up'), 0)
    assert.is(value('tradelog_api_ready'), 0)
    assert.is(value('tradelog_read_model_state{model="trades",state="caught up"}'), undefined)
  }
  api.store.fault = 'none'
  assert.is((await valuesOf(api))('tradelog_api_ready'), 1)
  await api.close()
})

/** One process reports that it updates every model's active generation. */
async function report({ store }: TestApi) {
  const models = await Promise.all(
    readModels.map(async ({ name, version }) => ({
      model: name,
      version,
      generation: (await store.pointer(name))?.active,
      state: 'caught up',
      since: now,
      partitions: [
        { partition: 0, next: 7, head: 10, applied: 7 },
        { partition: 1, next: 8, head: 10, applied: 8 },
      ],
      lastCommitAt: now,
      error: null,
    })),
  )
  await store.writeStatus('project:1', { kind: 'project', models, headsAt: Date.now() })
}

test.run()
