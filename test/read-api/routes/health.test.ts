import * as assert from 'uvu/assert'
import { readModels } from '../../../src/projections/read-models/index.ts'
import type { ProjectorState } from '../../../src/read-model-store/status.ts'
import {
  feedReport,
  ingestReport,
  refusedReport,
  reportedSince,
} from '../../support/ingest-report.ts'
import { startTestApi, type TestApi } from '../../support/read-api.ts'
import { suite } from '../../support/suite.ts'

const test = suite('GET /healthz and /readyz')

test('ready while every read model is built and being updated', async () => {
  const api = await startTestApi()
  await report(api)
  const { status, json } = await api.get('/readyz')
  assert.is(status, 200, JSON.stringify(json))
  assert.equal(
    json.data.read_models,
    readModels.map(({ name }) => name),
  )
  await api.close()
})

test('not ready before a process reports that it updates them', async () => {
  const api = await startTestApi()
  const { status, json } = await api.get('/readyz')
  assert.is(status, 503)
  assert.is(json.error.code, 'NOT_READY')
  assert.is(json.error.reasons.length, readModels.length)
  assert.match(json.message, 'read model trades: is not being updated')
  await api.close()
})

test('not ready while a projector has stopped, with its error and since when', async () => {
  const api = await startTestApi()
  await report(api, { trades: 'stopped' })
  const { status, json } = await api.get('/readyz')
  assert.is(status, 503)
  assert.equal(json.error.reasons, [
    {
      part: 'read model trades',
      message: 'stopped: EVENT_UNREADABLE: at 0:7',
      since: '2025-11-20T00:00:00.000Z',
    },
  ])
  await api.close()
})

test('not ready when no process has reported for ten seconds, and since then', async () => {
  let late = 0
  const api = await startTestApi({ now: () => Date.now() + late })
  await report(api)
  late = 9_000
  assert.is((await api.get('/readyz')).status, 200)
  late = 10_500
  const { status, json } = await api.get('/readyz')
  assert.is(status, 503)
  assert.ok(Math.abs(Date.parse(json.error.reasons[0].since) - Date.now()) < 5_000)
  await api.close()
})

test('not ready while the store is unavailable, since noticed, and ready afterwards', async () => {
  const clock = { ms: Date.now() }
  const api = await startTestApi({ now: () => clock.ms })
  await report(api)
  api.store.fault = 'away'
  const noticedAt = new Date(clock.ms).toISOString()
  for (const laterMs of [0, 1_000, 2_000]) {
    clock.ms += laterMs
    const { status, json } = await api.get('/readyz')
    assert.is(status, 503)
    assert.equal(
      json.error.reasons.map(({ part, since }: Reason) => [part, since]),
      [['read-model store', noticedAt]],
    )
    assert.is((await api.get('/healthz')).status, 200)
  }
  api.store.fault = 'none'
  assert.is((await api.get('/readyz')).status, 200)
  await api.close()
})

test('before the first build: alive, not ready, and reads fail as not built', async () => {
  const api = await startTestApi({ readModels: 'none' })
  assert.is((await api.get('/healthz')).json.data.status, 'ok')
  const { json } = await api.get('/readyz')
  assert.match(json.message, 'read model trades: is not built yet')
  for (const path of ['/api/v1/trades/AAPL', '/api/v1/symbols', '/api/v1/vwap/AAPL']) {
    const answer = await api.get(path)
    assert.is(answer.status, 503, path)
    assert.is(answer.json.error.code, 'READ_MODEL_NOT_FOUND', path)
  }
  const models = await api.get('/api/v1/read-models')
  assert.is(models.json.data.data[0].state, 'not built')
  await api.close()
})

test('not ready while a projector is behind and stores nothing', async () => {
  const api = await startTestApi()
  await report(api, { symbols: 'stalled' })
  assert.equal(await partsOf(api), [
    ['read model symbols', 'stalled: it is behind the log and stores nothing'],
  ])
  await api.close()
})

test('a retriable error counts only after it has lasted', async () => {
  const api = await startTestApi()
  await report(api, { trades: 'retrying' }, { since: Date.now() })
  assert.equal(await partsOf(api), [])
  await report(api, { trades: 'retrying' })
  assert.equal(await partsOf(api), [['read model trades', 'retrying: EVENT_UNREADABLE: at 0:7']])
  await api.close()
})

test('not ready while every process only stands by', async () => {
  const api = await startTestApi()
  await report(api, { vwap: 'standing by' })
  const standing = [['read model vwap', 'is not being updated: every process stands by']]
  assert.equal(await partsOf(api), standing)
  await report(api, {}, { process: '2' })
  assert.equal(await partsOf(api), [])
  await api.close()
})

test('a process of another version does not hide what others do', async () => {
  const api = await startTestApi()
  await report(api, {})
  await report(api, { trades: 'stopped' }, { process: '2', code: 'VERSION_MISMATCH' })
  assert.equal(await partsOf(api), [])
  await api.close()
})

test('not ready while the project role cannot read the log, since it last could', async () => {
  const api = await startTestApi()
  const headsAt = Date.now() - 60_000
  await report(api, {}, { headsAt })
  const { json } = await api.get('/readyz')
  assert.equal(json.error.reasons, [
    {
      part: 'event store',
      message: 'the project role cannot read it',
      since: new Date(headsAt).toISOString(),
    },
  ])
  await report(api, {})
  assert.is((await api.get('/readyz')).status, 200)
  await api.close()
})

test('a store that hangs is named before the client gives up', async () => {
  const api = await startTestApi({ requestTimeoutMs: 60_000 })
  await report(api)
  api.store.fault = 'hanging'
  const [[part, message] = []] = await partsOf(api)
  assert.is(part, 'read-model store')
  assert.match(message ?? '', 'does not answer')
  await api.close()
})

test('not ready while the feed refuses its token, with what ingest says and since when', async () => {
  const api = await startTestApi({ expectsIngest: true })
  await report(api)
  await api.store.writeStatus('ingest:1', refusedReport())
  const { status, json } = await api.get('/readyz')
  assert.is(status, 503)
  assert.equal(json.error.reasons, [
    {
      part: 'feed',
      message: 'is not connected: the feed answers 401: check finnhub.token',
      since: new Date(reportedSince).toISOString(),
    },
  ])
  await api.store.writeStatus('ingest:1', ingestReport())
  assert.is((await api.get('/readyz')).status, 200)
  await api.close()
})

test('ready when a file has been played, not when the process that played it is gone', async () => {
  let late = 0
  const now = Date.now()
  const api = await startTestApi({ expectsIngest: true, now: () => now + late })
  await report(api)
  await api.store.writeStatus(
    'ingest:1',
    ingestReport({ feeds: [feedReport({ state: 'played' })] }),
  )
  assert.equal(await partsOf(api), [])
  late = 60_000
  assert.equal(await ingestPartOf(api), [['ingest', 'no process has reported on the feed for N s']])
  await api.close()
})

test('not ready while no process reports on the feed, unless the settings name none', async () => {
  for (const expectsIngest of [true, false]) {
    const api = await startTestApi({ expectsIngest })
    await report(api)
    const missing = [['ingest', 'no process has reported on the feed']]
    assert.equal(await partsOf(api), expectsIngest ? missing : [])
    await api.close()
  }
})

test('the settings name no feed, but one that was reported on is missed, unless stopped', async () => {
  for (const [last, missed] of [
    [ingestReport(), true],
    [ingestReport({ state: 'standing by' }), true],
    [ingestReport({ state: 'stopped' }), false],
    [ingestReport({ feeds: [] }), false],
  ] as const) {
    let late = 0
    const now = Date.now()
    const api = await startTestApi({ expectsIngest: false, now: () => now + late })
    await report(api)
    await api.store.writeStatus('ingest:1', last)
    late = 60_000
    const parts = await ingestPartOf(api)
    assert.is(parts.length, missed ? 1 : 0, `${last.state} with ${last.feeds.length} feeds`)
    await api.close()
  }
})

test('what ingest reports is judged even if the settings of the API name no feed', async () => {
  const api = await startTestApi({ expectsIngest: false })
  await report(api)
  await api.store.writeStatus('ingest:1', refusedReport())
  assert.is((await partsOf(api))[0]?.[0], 'feed')
  await api.close()
})

test('ready for ten seconds after ingest was stopped, so that another one can take over', async () => {
  const now = Date.now()
  const api = await startTestApi({ expectsIngest: true, now: () => now })
  await report(api)
  await api.store.writeStatus('ingest:1', ingestReport({ state: 'stopped', since: now - 5_000 }))
  assert.equal(await partsOf(api), [])
  await api.store.writeStatus('ingest:1', ingestReport({ state: 'stopped', since: now - 15_000 }))
  assert.equal(await partsOf(api), [['ingest', 'has stopped']])
  await api.close()
})

test('not ready while every process of ingest stands by', async () => {
  let late = 0
  const now = Date.now()
  const api = await startTestApi({ expectsIngest: true, now: () => now + late })
  await report(api)
  await api.store.writeStatus('ingest:2', ingestReport({ state: 'standing by' }))
  const standing = [['ingest', 'every process stands by: none is active']]
  assert.equal(await partsOf(api), standing)
  await api.store.writeStatus('ingest:1', ingestReport())
  assert.equal(await partsOf(api), [])
  late = 9_000
  assert.equal(await partsOf(api), [], 'it reported a moment ago')
  await api.close()
})

test('ready while a standby takes over from a process that was stopped a moment ago', async () => {
  const now = Date.now()
  const api = await startTestApi({ expectsIngest: true, now: () => now })
  await report(api)
  await api.store.writeStatus('ingest:2', ingestReport({ state: 'standing by' }))
  const since = now - 2_000
  await api.store.writeStatus('ingest:1', ingestReport({ state: 'stopped', since }))
  assert.equal(await partsOf(api), [])
  await api.close()
})

/** The reasons about ingest; those of projectors, which are as late, are left out. */
async function ingestPartOf(api: TestApi): Promise<string[][]> {
  const parts = (await partsOf(api)).filter(([part]) => part === 'ingest')
  return parts.map(([part = '', message = '']) => [part, message.replace(/\d+/, 'N')])
}

async function partsOf(api: TestApi): Promise<string[][]> {
  const { status, json } = await api.get('/readyz')
  if (status === 200) return []
  return json.error.reasons.map(({ part, message }: Reason) => [part, message])
}

type Reason = { part: string; message: string; since: string }

/** One process reports that it updates every model's active generation. */
async function report(
  { store }: TestApi,
  states: Record<string, ProjectorState> = {},
  {
    since = Date.UTC(2025, 10, 20),
    process = '1',
    code = 'EVENT_UNREADABLE',
    headsAt = Date.now(),
  } = {},
) {
  const models = await Promise.all(
    readModels.map(async ({ name, version }) => {
      const state = states[name] ?? 'caught up'
      const error = { code, message: 'at 0:7', at: since }
      return {
        model: name,
        version,
        generation: (await store.pointer(name))?.active,
        state,
        since,
        partitions: [],
        lastCommitAt: null,
        error: state === 'stopped' || state === 'retrying' ? error : null,
      }
    }),
  )
  await store.writeStatus(`project:${process}`, { kind: 'project', models, headsAt })
}

test.run()
