import * as assert from 'uvu/assert'
import { startTestApi } from '../support/read-api.ts'
import { suite } from '../support/suite.ts'
import { trade } from '../support/trade.ts'

const test = suite('headers of the read API')
const { get, record, close } = await startTestApi()
test.after(close)
await record([trade()])

const etagOf = async (path: string) => String((await get(path)).headers.etag)

test('every answer, failures included, has the security headers', async () => {
  for (const path of ['/api/v1/symbols', '/api/v1/trades/NOPE', '/nowhere', '/docs', '/healthz']) {
    const { headers } = await get(path)
    assert.is(headers['x-content-type-options'], 'nosniff', path)
    assert.match(String(headers['content-security-policy']), "default-src 'none'", path)
    assert.is(headers['referrer-policy'], 'no-referrer', path)
    assert.is(headers['x-powered-by'], undefined, path)
    assert.is(headers['access-control-allow-origin'], undefined, path)
  }
})

test('an answer is revalidated each time, and not sent again while it is the same', async () => {
  for (const path of ['/api/v1/symbols', '/api/v1/trades/AAPL', '/openapi.json', '/docs']) {
    const first = await get(path)
    assert.is(first.headers['cache-control'], 'no-cache', path)
    const headers = { 'If-None-Match': String(first.headers.etag) }
    const again = await get(path, { headers })
    assert.is(again.status, 304, path)
    assert.is(again.text, '', path)
    assert.is(again.headers.etag, first.headers.etag, path)
  }
})

test('a late trade changes the answer of an old page', async () => {
  const path = '/api/v1/candles/AAPL?interval=1d'
  const before = await etagOf(path)
  await record([trade({ executedAt: trade().executedAt - 1 })])
  const answer = await get(path, { headers: { 'If-None-Match': before } })
  assert.is(answer.status, 200)
  assert.is(answer.json.data.data[0].trade_count, 2)
})

test('a failure is never answered with 304', async () => {
  const answer = await get('/api/v1/trades/NOPE', { headers: { 'If-None-Match': '*' } })
  assert.is(answer.status, 404)
  assert.is(answer.headers.etag, undefined)
})

test('HEAD gives the headers of GET and no body', async () => {
  for (const path of ['/api/v1/trades/AAPL', '/docs', '/api/v1/trades/NOPE', '/nowhere']) {
    const [head, full] = await Promise.all([get(path, { method: 'HEAD' }), get(path)])
    assert.is(head.status, full.status, path)
    assert.is(head.text, '', path)
    assert.is(head.headers['content-length'], full.headers['content-length'], path)
    assert.is(head.headers.etag, full.headers.etag, path)
  }
})

test('OPTIONS names the allowed methods', async () => {
  const answer = await get('/api/v1/symbols', { method: 'OPTIONS' })
  assert.is(answer.status, 204)
  assert.is(answer.headers.allow, 'GET, HEAD, OPTIONS')
  assert.is(answer.headers['access-control-allow-methods'], undefined)
})

test('pages of one origin may read it if the settings allow it', async () => {
  const api = await startTestApi({ corsOrigin: 'https://charts.example' })
  const headers = { Origin: 'https://charts.example', 'Access-Control-Request-Method': 'GET' }
  const preflight = await api.get('/api/v1/symbols', { method: 'OPTIONS', headers })
  assert.is(preflight.headers['access-control-allow-methods'], 'GET, HEAD')
  for (const path of ['/api/v1/symbols', '/nowhere']) {
    const answer = await api.get(path, { headers })
    assert.is(answer.headers['access-control-allow-origin'], 'https://charts.example')
    assert.is(answer.headers.vary, 'Origin')
  }
  await api.close()
})

test('odd headers change nothing', async () => {
  const odd = {
    Accept: 'text/html',
    'If-None-Match': ',,"',
    Range: 'bytes=0-1',
    'X-HTTP-Method-Override': 'DELETE',
  }
  const answer = await get('/api/v1/trades/AAPL', { headers: odd })
  assert.is(answer.status, 200)
  assert.is(answer.headers['content-type'], 'application/json; charset=utf-8')
})

test.run()
