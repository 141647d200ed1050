import { once } from 'node:events'
import * as assert from 'uvu/assert'
import {
  bodyBytesMax,
  headerBytesMax,
  headersMsMax,
  idleMsMax,
  requestMsMax,
  urlBytesMax,
} from '../../../src/read-api/http/limits.ts'
import { limitMax } from '../../../src/read-api/http/query.ts'
import { startReadApi } from '../../../src/read-api/server.ts'
import { loadConfig } from '../../../src/runtime/config/config.ts'
import { createMetrics } from '../../../src/runtime/metrics.ts'
import { tableUnder } from '../../support/documents.ts'
import { eventually } from '../../support/eventually.ts'
import { rawConnection, rawRequest } from '../../support/raw-http.ts'
import { startTestApi, testLimits } from '../../support/read-api.ts'
import { silent } from '../../support/silent.ts'
import { suite } from '../../support/suite.ts'
import { trade } from '../../support/trade.ts'

const test = suite('limits of the read API')

const { limits, timeouts } = loadConfig({ environment: {} }).config
const inForce: Readonly<Record<string, number | string>> = {
  'requests a second of one client address': limits.clientRequestsPerSecond,
  'requests of one client address at once': limits.clientRequestsBurst,
  'requests being worked on': limits.requestsInFlightMax,
  streams: limits.streamsMax,
  'connections, streams included': limits.connectionsMax,
  'rows of a page': limitMax,
  'path and query': urlBytesMax,
  'path, names and values of the headers': headerBytesMax - 1,
  'body, which no route reads': bodyBytesMax,
  'time to send the headers': headersMsMax / 1_000,
  'time to send a request': requestMsMax / 1_000,
  'time in which nothing moves on a connection': idleMsMax / 1_000,
  'time of an answer': timeouts.apiRequestMs / 1_000,
}

test('are those of the documentation', () => {
  const documented = tableUnder('docs/api.md', '## Limits').map(([what = '', most = '']) => [
    what,
    Number.parseInt(most.replace(',', ''), 10),
  ])
  assert.equal(Object.fromEntries(documented), inForce)
})

/** One in five seconds: a busy machine doesn't take that long for four requests. */
const slow = { clientRequestsPerSecond: 0.2, clientRequestsBurst: 3 }

test('a client may send its burst, then gets 429 until its rate allows one more', async () => {
  const { get, close } = await startTestApi({
    limits: { ...testLimits, ...slow, trustedProxies: ['127.0.0.1'] },
  })
  const ask = (client: string) => get('/api/v1/symbols', { headers: { 'X-Forwarded-For': client } })
  for (let nth = 1; nth <= 3; nth++) assert.is((await ask('192.0.2.1')).status, 200)
  const { status, json, headers } = await ask('192.0.2.1')
  assert.is(status, 429)
  assert.is(json.error.code, 'TOO_MANY_REQUESTS')
  const seconds = Number(headers['retry-after'])
  assert.ok(seconds >= 1 && seconds <= 5, `${seconds} s`)
  assert.is((await ask('192.0.2.2')).status, 200, 'others are not affected')
  const isAllowed = async () => (await ask('192.0.2.1')).status === 200
  await eventually(isAllowed, { timeoutMs: 15_000, everyMs: 100 })
  await close()
})

test('without a trusted proxy, X-Forwarded-For does not change who the client is', async () => {
  const { get, close } = await startTestApi({ limits: { ...testLimits, ...slow } })
  const statuses: number[] = []
  for (let nth = 1; nth <= 6; nth++) {
    const headers = { 'X-Forwarded-For': `192.0.2.${nth}` }
    statuses.push((await get('/api/v1/symbols', { headers })).status)
  }
  assert.ok(statuses.includes(429), `${statuses}`)
  assert.is((await get('/healthz')).status, 200, 'liveness is always answered')
  await close()
})

test('the rate can be turned off', async () => {
  const off = { clientRequestsPerSecond: 'off', clientRequestsBurst: 1 } as const
  const { get, close } = await startTestApi({ limits: { ...testLimits, ...off } })
  for (let nth = 1; nth <= 20; nth++) assert.is((await get('/api/v1/symbols')).status, 200)
  await close()
})

test('requests above capacity get 503 at once, and later ones are answered', async () => {
  const requestsInFlightMax = 5
  const testApi = await startTestApi({ limits: { ...testLimits, requestsInFlightMax } })
  const { get, record, store, close } = testApi
  await record([trade()])
  const path = '/api/v1/trades/AAPL'
  await get(path)
  store.fault = 'hanging'
  const admitted = Array.from({ length: requestsInFlightMax }, () => get(path))
  await eventually(() => store.signals.length === requestsInFlightMax)
  const shed = await Promise.all(Array.from({ length: 100 }, () => get(path)))
  for (const { status, json, headers } of shed) {
    assert.is(status, 503)
    assert.is(json.error.code, 'OVERLOADED')
    assert.is(headers['retry-after'], '1')
  }
  assert.is((await get('/healthz')).status, 200, 'liveness is always answered')
  assert.is(store.signals.length, requestsInFlightMax, 'what is shed never reaches the store')
  store.fault = 'none'
  for (const answer of await Promise.all(admitted)) assert.is(answer.status, 504)
  assert.is((await get(path)).status, 200)
  await close()
})

test('one connection too many is closed, and accepted when another has closed', async () => {
  const { store, close } = await startTestApi()
  const limits = { ...testLimits, connectionsMax: 2 }
  const at = { host: '127.0.0.1', port: 0, requestTimeoutMs: 2_000, expectsIngest: false }
  const metrics = createMetrics()
  const api = await startReadApi({ store, ...at, limits, metrics, logger: silent })
  const [first, second] = [await rawConnection(api.port), await rawConnection(api.port)]
  const request = 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  const third = () => rawRequest(api.port, request).catch(() => undefined)
  assert.is(await third(), undefined)
  first.destroy()
  await eventually(async () => (await third())?.status === 200)
  second.destroy()
  await api.close()
  await close()
})

test('a path may be as long as the limit, and not a byte longer', async () => {
  const { get, close } = await startTestApi()
  const ofLength = (bytes: number) => `/${'a'.repeat(bytes - 1)}`
  assert.is((await get(ofLength(urlBytesMax))).json.error.code, 'NOT_FOUND')
  const { status, json } = await get(ofLength(urlBytesMax + 1))
  assert.is(status, 414)
  assert.is(json.error.code, 'URL_TOO_LONG')
  await close()
})

test('path and headers may be as long as the limit, and not a byte longer', async () => {
  const { api, close } = await startTestApi()
  const counted = '/healthzHostaConnectioncloseX'.length
  const request = (bytes: number) =>
    `GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: ${'b'.repeat(bytes - counted)}\r\n\r\n`
  assert.is((await rawRequest(api.port, request(headerBytesMax - 1)))?.status, 200)
  assert.is((await rawRequest(api.port, request(headerBytesMax)))?.status, 431)
  await close()
})

test('a body may be as long as the limit, and not a byte longer', async () => {
  const { api, close } = await startTestApi()
  const request = (bytes: number) =>
    `GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\nConnection: close\r\n\r\n`
  const body = 'b'.repeat(bodyBytesMax)
  assert.is((await rawRequest(api.port, request(bodyBytesMax) + body))?.status, 200)
  assert.is((await rawRequest(api.port, request(bodyBytesMax + 1)))?.status, 413)
  await close()
})

test('a client that reads nothing is disconnected, and so is one that sends nothing', async () => {
  const { api, record, close } = await startTestApi({
    slowness: { idleMsMax: 300, checkEveryMs: 50 },
    limits: { ...testLimits, clientRequestsPerSecond: 'off' },
  })
  await record(Array.from({ length: 1_000 }, () => trade()))
  const deaf = await rawConnection(api.port)
  deaf.pause()
  const page = 'GET /api/v1/trades/AAPL?limit=1000 HTTP/1.1\r\nHost: a\r\n\r\n'
  const closed = once(deaf, 'close')
  deaf.on('error', () => {})
  // More than the kernel buffers for a client that doesn't read.
  deaf.write(page.repeat(200))
  const mute = await rawConnection(api.port)
  await once(mute.resume(), 'close')
  // A paused socket notices the end only when it reads again.
  await eventually(
    () => {
      deaf.write(page)
      return deaf.destroyed || !deaf.writable
    },
    { everyMs: 100 },
  )
  deaf.destroy()
  await closed
  await close()
})

test.run()
