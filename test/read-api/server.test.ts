import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import pino from 'pino'
import * as assert from 'uvu/assert'
import { hasCode } from '../../src/domain/errors.ts'
import { startReadApi } from '../../src/read-api/server.ts'
import { createMetrics } from '../../src/runtime/metrics.ts'
import { eventually } from '../support/eventually.ts'
import { startTestApi, testLimits } from '../support/read-api.ts'
import { suite } from '../support/suite.ts'
import { trade } from '../support/trade.ts'

const test = suite('server of the read API')
/** How long Node keeps an idle connection. */
const keepAliveMs = 5_000

test('a store that hangs is answered with 504 in time, and its reads are aborted', async () => {
  const { get, record, store, close } = await startTestApi({ requestTimeoutMs: 100 })
  await record([trade()])
  await get('/api/v1/trades/AAPL')
  store.fault = 'hanging'
  for (const path of ['/api/v1/trades/AAPL', '/api/v1/candles/AAPL', '/api/v1/symbols']) {
    const begin = performance.now()
    const answer = await get(path)
    const tookMs = performance.now() - begin
    assert.is(answer.status, 504, path)
    assert.is(answer.json.error.code, 'TIMEOUT')
    assert.ok(tookMs >= 95 && tookMs < 10_000, `${path} took ${tookMs} ms`)
  }
  assert.ok(store.signals.length > 0)
  assert.ok(store.signals.every((signal) => signal.aborted))
  assert.is((await get('/readyz')).status, 504)
  assert.is((await get('/healthz')).status, 200)
  store.fault = 'none'
  await eventually(async () => (await get('/api/v1/trades/AAPL')).status === 200)
  await close()
})

test('a read that hangs on a generation already open is aborted with its request', async () => {
  const { get, record, store, close } = await startTestApi({ requestTimeoutMs: 100 })
  await record([trade()])
  await get('/api/v1/trades/AAPL')
  store.fault = 'hanging'
  await get('/api/v1/trades/AAPL')
  assert.equal(
    store.signals.map((signal) => signal.aborted),
    [true],
  )
  await close()
})

test('a client that disconnects aborts its read', async () => {
  const { api, get, record, store, close } = await startTestApi({ requestTimeoutMs: 60_000 })
  await record([trade()])
  await get('/api/v1/trades/AAPL')
  store.fault = 'hanging'
  const socket = connect(api.port, '127.0.0.1')
  socket.write('GET /api/v1/trades/AAPL HTTP/1.1\r\nHost: x\r\n\r\n')
  const signal = await eventually(() => store.signals[0])
  assert.not(signal.aborted)
  socket.destroy()
  await eventually(() => signal.aborted)
  await close()
})

test('an unavailable store is answered with 503, and later reads are right again', async () => {
  const { get, record, store, close } = await startTestApi()
  await record([trade()])
  const paths = ['/api/v1/trades/AAPL', '/api/v1/candles/AAPL', '/api/v1/vwap', '/api/v1/symbols']
  const before = await Promise.all(paths.map((path) => get(path)))
  store.fault = 'away'
  for (const path of [...paths, '/api/v1/read-models']) {
    const answer = await get(path)
    assert.is(answer.status, 503, path)
    assert.is(answer.json.error.code, 'READ_MODEL_STORE_UNAVAILABLE')
    assert.not.match(answer.text, 'secret')
  }
  store.fault = 'none'
  const after = await Promise.all(paths.map((path) => get(path)))
  assert.equal(
    after.map(({ text }) => text),
    before.map(({ text }) => text),
  )
  await close()
})

test('an internal error is logged and never shown', async () => {
  const lines: string[] = []
  const logger = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) })
  const { get, record, store, close } = await startTestApi({ logger })
  await record([trade()])
  store.fault = 'broken'
  const answer = await get('/api/v1/trades/AAPL')
  assert.is(answer.status, 500)
  assert.is(answer.json.error.code, 'INTERNAL_ERROR')
  assert.not.match(answer.text, 'secret')
  assert.match(lines.join(''), 'cannot read secret')
  await close()
})

test('a request that is not HTTP gets the envelope too', async () => {
  const { api, close } = await startTestApi()
  const cases = [
    ['nonsense\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n', 400],
    ['GET /api/v1/trades/caf\u00e9 HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    [`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
  ] as const
  for (const [request, status] of cases) {
    const answer = await raw(api.port, request)
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `), request.slice(0, 40))
    const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))
    assert.is(body.error.code, 'INVALID_REQUEST')
  }
  await close()
})

test('closing waits for the request in flight, but not for idle connections', async () => {
  const { api, get, record, store, close } = await startTestApi({ requestTimeoutMs: 300 })
  await record([trade()])
  await get('/api/v1/trades/AAPL')
  store.fault = 'hanging'
  const inFlight = get('/api/v1/trades/AAPL')
  await eventually(() => store.signals.length === 1)
  const begin = performance.now()
  const closing = api.close()
  assert.is(api.close(), closing)
  assert.is((await inFlight).status, 504)
  await closing
  assert.ok(performance.now() - begin < keepAliveMs)
  const refused = await raw(api.port, '').catch((error: NodeJS.ErrnoException) => error.code)
  assert.is(refused, 'ECONNREFUSED')
  await close()
})

test('a port in use is an error of the settings', async () => {
  const { api, store, close } = await startTestApi()
  const metrics = createMetrics()
  const limits = testLimits
  const at = { host: '127.0.0.1', requestTimeoutMs: 1_000, expectsIngest: false }
  const options = { store, ...at, limits, metrics }
  const logger = pino({ enabled: false })
  const error = await startReadApi({ ...options, port: api.port, logger }).catch((e: unknown) => e)
  assert.ok(hasCode(error, 'CONFIG_INVALID'))
  assert.match(error.message, `${api.port}`)
  await close()
})

async function raw(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(request)
  return await text(socket)
}

test.run()
