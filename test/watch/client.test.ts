import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import { readModels } from '../../src/projections/read-models/index.ts'
import { watchApi } from '../../src/watch/client.ts'
import { watchState } from '../../src/watch/state.ts'
import { eventually } from '../support/eventually.ts'
import { ingestReport, refusedReport } from '../support/ingest-report.ts'
import { startTestApi } from '../support/read-api.ts'
import { suite } from '../support/suite.ts'
import { trade } from '../support/trade.ts'

const test = suite('watch on an API')

function startWatch(api: string, limits: { silenceMsMax?: number } = {}) {
  const state = watchState(api)
  const quitting = new AbortController()
  const { signal } = quitting
  const running = watchApi({ api, signal, onEvent: state.take, askEveryMs: 20, ...limits })
  const quit = async () => {
    quitting.abort()
    await running
  }
  return { now: state.now, quit }
}

test('follows prices and read models', async () => {
  const { api, record, close } = await startTestApi()
  await record([trade({ price: '100' })])
  const { now, quit } = startWatch(api.url)
  await eventually(() => now().symbols.get('AAPL')?.tick.price === '100')
  await record([trade({ price: '101' })])
  await eventually(() => now().symbols.get('AAPL')?.tick.price === '101')
  await eventually(() => now().readModels.length === readModels.length)
  assert.is(now().connection.state, 'live')
  await quit()
  await close()
})

test('follows the feed, and says when nothing is known of it any more', async () => {
  const { api, store, close } = await startTestApi()
  const { now, quit } = startWatch(api.url)
  const isFeed = (state: string) => {
    const { feeds } = now()
    return typeof feeds === 'object' && feeds.data[0]?.state === state
  }
  await store.writeStatus('ingest:1', ingestReport())
  await eventually(() => isFeed('connected'))
  await store.writeStatus('ingest:1', refusedReport())
  await eventually(() => isFeed('disconnected'))
  store.fault = 'away'
  await eventually(() => typeof now().feeds === 'string')
  assert.match(String(now().feeds), 'the read models cannot be read')
  store.fault = 'none'
  await eventually(() => isFeed('disconnected'))
  await quit()
  await close()
})

test('says that the API has stopped, and follows the next one', async () => {
  const first = await startTestApi()
  await first.record([trade()])
  const { now, quit } = startWatch(first.api.url)
  await eventually(() => now().symbols.size === 1)
  await first.close()
  await eventually(() => now().connection.state === 'lost')
  assert.is(now().symbols.size, 1)
  const second = await startTestApi({ port: first.api.port })
  await second.record([trade(), trade({ symbol: 'MSFT' })])
  await eventually(() => now().connection.state === 'live' && now().symbols.has('MSFT'))
  await quit()
  await second.close()
})

test('gives up a stream without data, and an address without a stream', async () => {
  const server = createServer((request, response) => {
    const isStream = request.url?.startsWith('/silent/') === true
    response.writeHead(isStream ? 200 : 404, { 'Content-Type': 'text/event-stream' })
    if (isStream) response.write(': hello\n\n')
    else response.end('no JSON')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (const [path, reason] of [
    ['/silent', /no data received/],
    ['/none', /404/],
  ] as const) {
    const { now, quit } = startWatch(url + path, { silenceMsMax: 50 })
    await eventually(() => reason.test(now().connection.reason))
    await quit()
  }
  server.closeAllConnections()
  server.close()
})

test('waits ever longer for an API that opens its stream and closes it at once', async () => {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.end(': hello\n\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const quitting = new AbortController()
  const pauses: number[] = []
  const running = watchApi({
    api: `http://127.0.0.1:${port}`,
    signal: quitting.signal,
    onEvent: () => {},
    askEveryMs: 0,
    pause: async (ms) => void (ms > 0 && pauses.push(ms)),
  })
  await eventually(() => pauses.length >= 10)
  quitting.abort()
  await running
  server.close()
  assert.ok(
    pauses.slice(5).every((ms) => ms >= 1_500),
    String(pauses),
  )
})

test.run()
