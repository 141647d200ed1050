import * as assert from 'uvu/assert'
import { hasCode } from '../../src/domain/errors.ts'
import { createMetrics, createProcessMetrics } from '../../src/runtime/metrics.ts'
import { startOperationsServer } from '../../src/runtime/operations-server.ts'
import { allReady, type Readiness, reasonOf } from '../../src/runtime/readiness.ts'
import { scrapeUrl } from '../support/scrape.ts'
import { suite } from '../support/suite.ts'

const test = suite('operations server')
const ready: Readiness = async () => []

async function withServer(
  options: Partial<Parameters<typeof startOperationsServer>[0]>,
  body: (url: string) => Promise<void>,
) {
  const usual = { host: '127.0.0.1', port: 0, readiness: ready, metrics: createMetrics() }
  const server = await startOperationsServer({ ...usual, ...options })
  try {
    await body(`http://127.0.0.1:${server.port}`)
  } finally {
    await server.close()
  }
}

async function jsonOf(url: string) {
  const response = await fetch(url)
  return { status: response.status, body: await response.json() }
}

test('says that the process lives, and is ready', () =>
  withServer({}, async (url) => {
    assert.equal(await jsonOf(`${url}/healthz`), { status: 200, body: { status: 'alive' } })
    assert.equal(await jsonOf(`${url}/readyz?verbose`), { status: 200, body: { status: 'ready' } })
    assert.is((await jsonOf(`${url}/nothing`)).status, 404)
  }))

test('says of every role which part is not ready, and since when', () => {
  const feed = reasonOf('feed', 'is not connected', Date.UTC(2026, 0, 2))
  const log = reasonOf('event store', 'takes no events', Date.UTC(2026, 0, 3))
  const readiness = allReady([ready, async () => [feed], async () => [log]])
  return withServer({ readiness }, async (url) => {
    const { status, body } = await jsonOf(`${url}/readyz`)
    assert.is(status, 503)
    assert.equal(body, {
      status: 'not ready',
      reasons: [
        { part: 'feed', message: 'is not connected', since: '2026-01-02T00:00:00.000Z' },
        { part: 'event store', message: 'takes no events', since: '2026-01-03T00:00:00.000Z' },
      ],
    })
  })
})

test('is not ready if its readiness is unknown', () =>
  withServer({ readiness: () => Promise.reject(new Error('no idea')) }, async (url) => {
    const { status, body } = await jsonOf(`${url}/readyz`)
    assert.is(status, 503)
    assert.match(JSON.stringify(body), 'no idea')
  }))

test('shows the metrics of the process and of its roles, looked up at each scrape', () => {
  const metrics = createProcessMetrics()
  const gauge = metrics.gauge({ name: 'tradelog_test', help: 'Scrapes.' })
  metrics.beforeScrape(() => gauge.inc())
  return withServer({ metrics }, async (url) => {
    for (const scrapes of [1, 2]) {
      const values = await scrapeUrl(`${url}/metrics`)
      assert.is(values('tradelog_test'), scrapes)
      assert.ok(Number(values('process_resident_memory_bytes')) > 1e6)
    }
    const { headers } = await fetch(`${url}/metrics`)
    assert.is(headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  })
})

test('failing metrics are answered with an error', () => {
  const metrics = { contentType: 'text/plain', text: () => Promise.reject(new Error('broken')) }
  return withServer({ metrics }, async (url) => {
    assert.is((await jsonOf(`${url}/metrics`)).status, 500)
    assert.is((await jsonOf(`${url}/healthz`)).status, 200)
  })
})

test('a port that is taken is a fault of the settings', () =>
  withServer({}, async (url) => {
    const { port } = new URL(url)
    const taken = { host: '127.0.0.1', port: Number(port), readiness: ready }
    const error = await startOperationsServer({ ...taken, metrics: createMetrics() }).catch(
      (failure: unknown) => failure,
    )
    assert.ok(hasCode(error, 'CONFIG_INVALID'))
    assert.match(error.message, /^operations_port: /)
  }))

test.run()
