import * as assert from 'uvu/assert'
import type { PartitionStatus, ProjectorStatus } from '../../../src/read-model-store/status.ts'
import { eventually } from '../../support/eventually.ts'
import { startTestApi, type TestApi } from '../../support/read-api.ts'
import { suite } from '../../support/suite.ts'
import { trade } from '../../support/trade.ts'

const test = suite('GET /api/v1/read-models')

const at = Date.UTC(2025, 10, 20)
const atText = '2025-11-20T00:00:00.000Z'

test('gives the checkpoint of the generation, and the heads that processes reported', async () => {
  const api = await startTestApi()
  await api.record([trade(), trade(), trade()])
  await report(api, '1', { partitions: [{ partition: 0, next: 1, head: 10, applied: 1 }] })
  await report(api, '2', { partitions: [{ partition: 4, next: 0, head: 5, applied: 0 }] })
  const model = await readModel(api, 'trades')
  assert.is(model.version, 1)
  assert.is(model.generation, (await api.store.pointer('trades'))?.active)
  assert.equal(model.checkpoint, [
    { partition: 0, next: 3, applied: 3, head: 10, lag: 7 },
    { partition: 4, next: 0, applied: 0, head: 5, lag: 5 },
  ])
  assert.equal([model.events_applied, model.lag], [3, 12])
  assert.equal([model.state, model.since, model.last_update_at], ['caught up', atText, atText])
  await api.close()
})

test('gives the skips of the log that the generation is built from', async () => {
  const api = await startTestApi()
  await api.record([trade()])
  const active = (await api.store.pointer('trades'))?.active ?? ''
  const checkpoint = await (await api.store.open(active)).checkpoint()
  const [partition = 0, { origin = '' } = {}] = [...checkpoint][0] ?? []
  const skip = { model: 'trades', partition, offset: 7, origin, why: 'bad', at }
  await api.store.addSkip(skip)
  await api.store.addSkip({ ...skip, origin: 'another log' })
  await api.store.addSkip({ ...skip, model: 'symbols' })
  const { skips } = await readModel(api, 'trades')
  assert.equal(skips, [{ partition, offset: 7, why: 'bad', at: atText }])
  await api.close()
})

test('shows the newest report of a partition and the most urgent state', async () => {
  const api = await startTestApi()
  await report(api, '1', { partitions: [{ partition: 0, next: 1, head: 1, applied: 1 }] })
  const error = { code: 'READ_MODEL_STORE_UNAVAILABLE', message: 'away', at }
  const firstAt = Date.now()
  await eventually(() => Date.now() > firstAt)
  const partitions = [{ partition: 0, next: 1, head: 99, applied: 1 }]
  await report(api, '2', { partitions, state: 'retrying', error })
  const model = await readModel(api, 'trades')
  assert.is(model.lag, 99)
  assert.is(model.state, 'retrying')
  assert.equal(model.error, { code: error.code, message: 'away', at: atText })
  await api.close()
})

test('reports of another generation count only right after a promotion', async () => {
  let late = 0
  const api = await startTestApi({ now: () => Date.now() + late })
  await report(api, '1', {})
  await api.rebuild('trades')
  const promoted = await readModel(api, 'trades')
  assert.equal([promoted.state, promoted.since, promoted.lag], ['catching up', null, null])
  late = 10_500
  const model = await readModel(api, 'trades')
  assert.equal([model.state, model.since, model.lag], ['frozen', null, null])
  await api.close()
})

test('a generation that is no longer updated is frozen since the last report', async () => {
  let late = 0
  const api = await startTestApi({ now: () => Date.now() + late })
  await report(api, '1', {})
  assert.is((await readModel(api, 'trades')).state, 'caught up')
  late = 10_500
  const model = await readModel(api, 'trades')
  assert.is(model.state, 'frozen')
  assert.is(model.since, model.status_at)
  await api.close()
})

test('shows a replay with its progress, and the last verification', async () => {
  const api = await startTestApi()
  const generation = 'trades-20251120t000000000-abcdef'
  await api.store.writeStatus('replay:trades', {
    kind: 'replay',
    model: 'trades',
    version: 2,
    generation,
    state: 'building',
    eventsDone: 50,
    eventsTotal: 100,
    eventsPerSecond: 12.5,
    remainingMs: 4_000,
    startedAt: at,
    error: null,
  })
  await api.store.writeStatus('verify:trades', {
    kind: 'verify',
    model: 'trades',
    generation,
    result: 'different',
    detail: 'AAPL at 0:7',
    rowsCompared: 8,
    eventsSkipped: 1,
    startedAt: at,
    finishedAt: at,
  })
  const { replay, verification } = await readModel(api, 'trades')
  assert.equal([replay.events_done, replay.events_total, replay.remaining_ms], [50, 100, 4_000])
  assert.equal([replay.generation, replay.is_stale, replay.started_at], [generation, false, atText])
  assert.equal([verification.result, verification.detail], ['different', 'AAPL at 0:7'])
  assert.equal((await readModel(api, 'symbols')).replay, null)
  await api.close()
})

test('a verification of a model that was not built has no generation', async () => {
  const api = await startTestApi()
  await api.store.writeStatus('verify:trades', {
    kind: 'verify',
    model: 'trades',
    generation: '',
    result: 'could not check',
    detail: 'trades has no active generation yet',
    rowsCompared: 0,
    eventsSkipped: 0,
    startedAt: at,
    finishedAt: at,
  })
  const { verification } = await readModel(api, 'trades')
  assert.equal([verification.generation, verification.result], [null, 'could not check'])
  await api.close()
})

test('names every generation and its role', async () => {
  const api = await startTestApi()
  const generation = { model: 'trades', version: 2, kind: 'series' } as const
  const superseded = await api.store.create(generation)
  const { info } = await api.store.create(generation)
  // Promoted once, before a rollback.
  const { info: left } = await api.store.create(generation)
  const former = (await api.store.pointer('trades'))?.active ?? ''
  const rest = { former, promotedAt: at, leftVersion: null, newest: left.id }
  await api.store.promote({ model: 'trades', active: info.id, ...rest }, former)
  const building = await api.store.create(generation)
  const model = await readModel(api, 'trades')
  assert.equal(
    model.generations.map(({ id, role }: { id: string; role: string }) => [id, role]),
    [
      [former, 'former'],
      [superseded.info.id, 'superseded'],
      [info.id, 'active'],
      [left.id, 'superseded'],
      [building.info.id, 'building'],
    ],
  )
  await api.close()
})

test('a status row of an unknown kind is ignored', async () => {
  const api = await startTestApi()
  await api.store.writeStatus('weather:1', { kind: 'weather', models: 7 })
  assert.is((await api.get('/api/v1/read-models')).status, 200)
  await api.close()
})

async function readModel({ get }: TestApi, name: string) {
  const { status, json } = await get('/api/v1/read-models')
  assert.is(status, 200)
  return json.data.data.find((model: { name: string }) => model.name === name)
}

async function report(
  { store }: TestApi,
  source: string,
  fields: Partial<ProjectorStatus> & { partitions?: PartitionStatus[] },
) {
  const generation = (await store.pointer('trades'))?.active
  const usual = { model: 'trades', version: 1, generation, state: 'caught up', since: at }
  const model = { ...usual, partitions: [], lastCommitAt: at, error: null, ...fields }
  await store.writeStatus(`project:${source}`, { kind: 'project', models: [model] })
}

test.run()
