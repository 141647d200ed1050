import * as assert from 'uvu/assert'
import { readModels } from '../../src/projections/read-models/index.ts'
import { get } from '../support/api-client.ts'
import { declaredMetrics } from '../support/declared-metrics.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { scrapeUrl, type Values } from '../support/scrape.ts'
import { embeddedStores, storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import { runTradelog } from '../support/tradelog.ts'
import { complete, oneRound, startFlow, stopAll, verified } from './flow.ts'

const test = suite(`metrics and readiness of processes on ${storePair.name}`)
const rows = 600
const timeoutMs = 120_000
const waiting = { timeoutMs: 40_000, everyMs: 200 }
const partitions = [0, 1, 2, 3, 4, 5]

type NotReady = Readonly<{
  status: string
  reasons: readonly Readonly<{ part: string; message: string; since: string }>[]
}>

async function readiness(address: string) {
  const response = await fetch(`${address}/readyz`)
  const { error, ...body } = (await response.json()) as { error: NotReady | null } & NotReady
  return { status: response.status, reasons: error?.reasons ?? body.reasons ?? [] }
}

const lastReport = /^is not being updated: the last report is \d+ s old$/

/** The sum over all partitions. */
const sumOf = (value: Values, metric: string, model: string): number =>
  partitions
    .map((partition) => value(`${metric}{model="${model}",partition="${partition}"}`) ?? 0)
    .reduce((a, b) => a + b, 0)

test(
  'each role counts what it does, and is ready while it does it',
  () =>
    oneRound(async ({ seed, start }) => {
      const flow = await startFlow({ rows, rowsPerSecond: 300, seed })
      const ports = {
        ingest: String(await freePort()),
        project: String(await freePort()),
        api: String(await freePort()),
      }
      const withPort = (port: string) => ({ ...flow.settings, OPERATIONS_PORT: port })
      const operations = (port: string) => `http://127.0.0.1:${port}`
      const api = start(['api'], withPort(ports.api))
      const project = start(['project'], withPort(ports.project))
      const ingest = start(['ingest'], withPort(ports.ingest))
      const address = await api.address()
      await complete(address, flow)

      const ofIngest = await scrapeUrl(`${operations(ports.ingest)}/metrics`)
      assert.is(ofIngest('tradelog_ingest_trades_received_total'), rows)
      assert.is(ofIngest('tradelog_ingest_events_appended_total'), rows)
      assert.is(ofIngest('tradelog_ingest_active'), 1)
      assert.is(ofIngest('tradelog_ingest_feed_connected'), 1)
      assert.ok(Number(ofIngest('tradelog_ingest_append_seconds_total')) > 0)

      const scrapeProject = () => scrapeUrl(`${operations(ports.project)}/metrics`)
      const ofProject = await scrapeProject()
      for (const name of ['trades', 'symbols', 'candles', 'vwap']) {
        const applied = sumOf(ofProject, 'tradelog_projection_events_applied_total', name)
        assert.is(applied, rows, name)
        assert.is(sumOf(ofProject, 'tradelog_projection_batch_events_sum', name), rows, name)
        const latency = `tradelog_projection_visible_latency_seconds_count{model="${name}"}`
        assert.ok(Number(ofProject(latency)) > 0, name)
      }
      await eventually(async () => {
        const value = await scrapeProject()
        return readModels.every(
          ({ name }) => sumOf(value, 'tradelog_projection_lag_events', name) === 0,
        )
      }, waiting)

      await eventually(async () => (await readiness(address)).status === 200, waiting)
      const ofApi = await scrapeUrl(`${address}/metrics`)
      const route = 'method="GET",route="/api/v1/symbols",status="200"'
      assert.ok(Number(ofApi(`tradelog_api_requests_total{${route}}`)) > 0)
      assert.is(ofApi('tradelog_api_ready'), 1)
      for (const port of Object.values(ports)) {
        assert.equal(await readiness(operations(port)), { status: 200, reasons: [] })
      }
      await stopAll([ingest, project, api])
    }),
  { timeoutMs },
)

test(
  'any API shows the verifications and replays of other processes',
  () =>
    oneRound(async ({ seed, start }) => {
      const flow = await startFlow({ rows, rowsPerSecond: 'max', seed })
      const verifying = { ...flow.settings, VERIFY__EVERY: '1s' }
      const roles = [start(['project'], verifying), start(['ingest'], flow.settings)]
      const api = start(['api'], flow.settings)
      const address = await api.address()
      await complete(address, flow)
      const isShown = (metric: string, expected: (value: number | undefined) => boolean) =>
        eventually(async () => expected((await scrapeUrl(`${address}/metrics`))(metric)), waiting)
      for (const { name } of readModels) {
        const equal = `tradelog_verify_result{model="${name}",result="equal"}`
        await isShown(equal, (value) => value === 1)
      }
      const since = Date.now() / 1_000
      const finished = 'tradelog_verify_finished_timestamp_seconds{model="trades"}'
      await isShown(finished, (value) => Number(value) > since)

      const replay = await runTradelog(['replay', '--model', 'trades'], flow.settings)
      assert.is(replay.code, 0, replay.stderr)
      await isShown('tradelog_replay_events_done{model="trades"}', (value) => value === rows)
      await isShown('tradelog_replay_events_expected{model="trades"}', (value) => value === rows)
      await isShown('tradelog_replay_building{model="trades"}', (value) => value === 0)
      await stopAll([...roles, api])
    }),
  { timeoutMs },
)

test(
  'a projector that hangs is not ready since its last report; trades are served meanwhile',
  () =>
    oneRound(async ({ seed, start }) => {
      const flow = await startFlow({ rows, rowsPerSecond: 300, seed })
      const api = start(['api'], flow.settings)
      const project = start(['project'], flow.settings)
      const ingest = start(['ingest'], flow.settings)
      const address = await api.address()
      await complete(address, flow)
      await eventually(async () => (await readiness(address)).status === 200, waiting)
      const [symbol = ''] = flow.totals.bySymbol.keys()
      const assertServed = async () => {
        const { status, error } = await get(
          `${address}/api/v1/trades/${encodeURIComponent(symbol)}`,
        )
        if (status !== 200) throw new Error(`${status} ${error?.code}`)
      }

      project.process.kill('SIGSTOP')
      const stoppedAt = Date.now()
      const { reasons } = await eventually(async () => {
        await assertServed()
        const { status, reasons } = await readiness(address)
        // Ingest can't report while the process hangs in a write to an embedded store.
        const ofModels = reasons.filter(({ part }) => part !== 'ingest')
        const isNamed = ofModels.every(({ message }) => lastReport.test(message))
        return status === 503 && isNamed ? { reasons: ofModels } : undefined
      }, waiting)
      assert.equal(
        reasons.map(({ part }) => part),
        readModels.map(({ name }) => `read model ${name}`),
      )
      for (const { since } of reasons) {
        const at = Date.parse(since)
        assert.ok(at <= stoppedAt + 1_000 && at > stoppedAt - 10_000, since)
      }
      const frozen = 'tradelog_read_model_state{model="trades",state="frozen"}'
      assert.is((await scrapeUrl(`${address}/metrics`))(frozen), 1)

      project.process.kill('SIGCONT')
      await eventually(async () => {
        await assertServed()
        return (await readiness(address)).status === 200
      }, waiting)
      assert.is((await scrapeUrl(`${address}/metrics`))(frozen), 0)
      await stopAll([ingest, project, api])
      await verified(flow.settings)
    }),
  { timeoutMs },
)

test(
  'all in one process: every metric, on the API’s port and on that of operations',
  () =>
    oneRound(async ({ start }) => {
      const port = String(await freePort())
      const settings = { ...embeddedStores(), FEED: 'simulated', OPERATIONS_PORT: port }
      const tradelog = start(['start'], settings)
      const address = await tradelog.address()
      const operations = `http://127.0.0.1:${port}`
      await eventually(async () => (await readiness(operations)).status === 200, waiting)
      for (const url of [address, operations]) {
        const text = await (await fetch(`${url}/metrics`)).text()
        const shown = new Set(Array.from(text.matchAll(/^# TYPE (\S+)/gm), ([, name]) => name))
        for (const name of declaredMetrics()) assert.ok(shown.has(name), `${url}: ${name}`)
        assert.is((await fetch(`${url}/healthz`)).status, 200)
      }
      await stopAll([tradelog])
    }),
  { timeoutMs },
)

test.run()
