import { once } from 'node:events'
import { createServer, get as httpGet } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import etag from '@koa/etag'
import Koa from 'koa'
import * as assert from 'uvu/assert'
import { keepWhile, keptAnswers } from '../../../src/read-api/http/kept-answers.ts'
import { startTestApi } from '../../support/read-api.ts'
import { suite } from '../../support/suite.ts'
import { trade } from '../../support/trade.ts'

const test = suite('kept answers of the read API')

const paths = [
  '/api/v1/symbols',
  '/api/v1/trades/AAPL?limit=2',
  '/api/v1/candles/AAPL?interval=1h',
  '/api/v1/vwap/AAPL',
  '/api/v1/vwap',
]

test('a repeated answer is the same to the last header, and reads nothing', async () => {
  const { get, record, store, close } = await startTestApi({ corsOrigin: '*' })
  await record([trade()])
  for (const path of paths) {
    // The first answer isn't kept if the pointer was looked up too long ago.
    await get(path)
    const first = await get(path)
    const calls = new Map(store.calls)
    const again = await get(path)
    assert.is(again.text, first.text, path)
    assert.equal(Object.keys(again.headers).sort(), Object.keys(first.headers).sort(), path)
    assert.equal({ ...again.headers, date: '' }, { ...first.headers, date: '' }, path)
    for (const read of ['page', 'read', 'scan']) {
      assert.is(store.calls.get(read), calls.get(read), `${path} ${read}`)
    }
  }
  await close()
})

test('a commit is seen by the very next request', async () => {
  const { get, record, close } = await startTestApi()
  for (let count = 1; count <= 50; count++) {
    await record([trade()])
    for (const path of ['/api/v1/symbols', '/api/v1/vwap/AAPL']) {
      const { data } = (await get(path)).json
      assert.is((data.available?.[0] ?? data).trade_count, count, path)
    }
    const { data } = (await get('/api/v1/trades/AAPL?limit=100')).json
    assert.is(data.data.length, count)
  }
  await close()
})

test('a known ETag is answered with 304 and the headers of the answer', async () => {
  const { get, record, close } = await startTestApi()
  await record([trade()])
  const path = '/api/v1/trades/AAPL'
  await get(path)
  const { headers } = await get(path)
  const condition = { 'If-None-Match': String(headers.etag) }
  const known = await get(path, { headers: condition })
  assert.is(known.status, 304)
  assert.is(known.text, '')
  assert.is(known.headers.etag, headers.etag)
  assert.is(known.headers['content-type'], undefined)
  assert.is(known.headers['content-security-policy'], headers['content-security-policy'])
  const anew = await get(path, { headers: { ...condition, 'Cache-Control': 'no-cache' } })
  assert.is(anew.status, 200)
  const other = await get(path, { headers: { 'If-None-Match': `"x", ${headers.etag}` } })
  assert.is(other.status, 304)
  await close()
})

/** An application whose one route counts its answers. */
async function countingApplication(bytesMax?: number) {
  const asked = new Map<string, number>()
  const state: { revision: string | undefined; until: number } = { revision: '1', until: Infinity }
  const application = new Koa()
  const limit = bytesMax === undefined ? {} : { bytesMax }
  application.use(keptAnswers({ revisionOf: () => state.revision, headers: [], ...limit }))
  application.use(etag())
  application.use((ctx) => {
    asked.set(ctx.url, (asked.get(ctx.url) ?? 0) + 1)
    if (state.revision !== undefined) {
      keepWhile(ctx, { models: [{ name: 'any' }], revision: state.revision, until: state.until })
    }
    if (ctx.path === '/fails') ctx.status = 503
    ctx.body = `answer ${'x'.repeat(Number(ctx.query.length ?? 0))}`
  })
  const server = createServer(application.callback())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const get = async (path: string) => {
    const [response] = await once(httpGet({ port, path, host: '127.0.0.1' }), 'response')
    return await text(response)
  }
  return { asked, state, get, close: () => server.close() }
}

test('keeps answers for one revision only, and none while it is unknown', async () => {
  const { asked, state, get, close } = await countingApplication()
  const countOf = async (revision: string | undefined) => {
    state.revision = revision
    await get('/a')
    await get('/a')
    return asked.get('/a')
  }
  assert.is(await countOf('1'), 1)
  assert.is(await countOf('2'), 2)
  assert.is(await countOf(undefined), 4)
  close()
})

test('keeps an answer that depends on the time no longer than it is good', async () => {
  const { asked, state, get, close } = await countingApplication()
  state.until = performance.now()
  await get('/a')
  state.until = Infinity
  await get('/a')
  assert.is(asked.get('/a'), 2)
  await get('/a')
  assert.is(asked.get('/a'), 2)
  close()
})

test('a failure is not kept', async () => {
  const { asked, get, close } = await countingApplication()
  await get('/fails')
  await get('/fails')
  assert.is(asked.get('/fails'), 2)
  close()
})

test('keeps up to its limit of bytes: drops the oldest, keeps none that is too large', async () => {
  const { asked, get, close } = await countingApplication(1_000)
  for (const path of ['/a?length=400', '/b?length=400', '/c?length=400', '/c?length=400']) {
    await get(path)
  }
  assert.is(asked.get('/c?length=400'), 1)
  await get('/a?length=400')
  assert.is(asked.get('/a?length=400'), 2)
  for (let i = 0; i < 2; i++) await get(`/d?length=${300 * 1_024}`)
  assert.is(asked.get(`/d?length=${300 * 1_024}`), 2)
  await get('/a?length=400')
  assert.is(asked.get('/a?length=400'), 2)
  close()
})

test.run()
