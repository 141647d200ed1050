import { once } from 'node:events'
import * as assert from 'uvu/assert'
import { clientBufferBytesMax, type FeedClient } from '../../src/feed-server/client.ts'
import { type FeedSource, startFeedServer } from '../../src/feed-server/server.ts'
import { eventually } from '../support/eventually.ts'
import { silent } from '../support/silent.ts'
import { suite } from '../support/suite.ts'
import { connectReader } from './feed-reader.ts'

const test = suite('feed server')

const quiet: FeedSource = { serve: async () => {} }

const start = (source: FeedSource, pingEveryMs = 60_000) =>
  startFeedServer({ host: '127.0.0.1', port: 0, source, pingEveryMs, logger: silent })

async function withReader(
  source: FeedSource,
  body: (reader: Awaited<ReturnType<typeof connectReader>>) => Promise<void>,
) {
  const server = await start(source, 10)
  const reader = await connectReader(server.url)
  try {
    await body(reader)
  } finally {
    await reader.close()
    await server.close()
  }
}

test('pings its clients', () =>
  withReader(quiet, async (reader) => {
    await eventually(() => reader.texts.length >= 2)
    assert.is(reader.texts[0], '{"type":"ping"}')
  }))

const refusals: readonly (readonly [unknown, string])[] = [
  ['no json', 'Invalid message'],
  ['null', 'Invalid message'],
  ['7', 'Invalid message'],
  [{ type: 'buy', symbol: 'AAPL' }, 'Invalid message'],
  [{ type: 'subscribe' }, 'Invalid symbol'],
  [{ type: 'subscribe', symbol: '' }, 'Invalid symbol'],
  [{ type: 'subscribe', symbol: 7 }, 'Invalid symbol'],
  [{ type: 'subscribe', symbol: 'A'.repeat(129) }, 'Invalid symbol'],
  [{ type: 'unsubscribe', symbol: 'A\nB' }, 'Invalid symbol'],
]

for (const [message, msg] of refusals) {
  test(`answers ${JSON.stringify(message).slice(0, 60)} by the error "${msg}"`, () =>
    withReader(quiet, async (reader) => {
      reader.send(message)
      const answer = await eventually(() => reader.frames().find(({ type }) => type === 'error'))
      assert.equal(answer, { msg, type: 'error' })
    }))
}

test('knows what each client is subscribed to', async () => {
  const clients: FeedClient[] = []
  await withReader({ serve: async (client) => void clients.push(client) }, async (reader) => {
    const [client] = clients
    assert.ok(client)
    reader.subscribe('AAPL')
    reader.subscribe('IC MARKETS:1')
    await client.subscribedTo(['IC MARKETS:1', 'AAPL'])
    reader.send({ type: 'unsubscribe', symbol: 'AAPL' })
    await eventually(() => client.symbols.size === 1)
    assert.equal([...client.symbols], ['IC MARKETS:1'])
  })
})

test('bounds what it buffers for a client that does not read', async () => {
  const clients: FeedClient[] = []
  await withReader({ serve: async (client) => void clients.push(client) }, async (reader) => {
    const [client] = clients
    assert.ok(client)
    reader.socket.pause()
    const frame = 'x'.repeat(256 * 1024)
    await eventually(() => !client.offer(frame))
    let sent = false
    const sending = client.send(frame).then(() => {
      sent = true
    })
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    assert.not(sent, `sent on above ${clientBufferBytesMax} bytes`)
    reader.socket.resume()
    await sending
    assert.ok(client.offer('{}'))
  })
})

test('signals the source when a client has disconnected, also one that it waits for', async () => {
  const ends: string[] = []
  const source: FeedSource = {
    serve: (client) => client.subscribedTo(['AAPL']).catch(({ name }) => void ends.push(name)),
  }
  const server = await start(source)
  const reader = await connectReader(server.url)
  await reader.close()
  await eventually(() => ends.length === 1)
  assert.equal(ends, ['AbortError'])
  await server.close()
})

test('disconnects the client of a source that fails, and keeps running', async () => {
  let calls = 0
  const source: FeedSource = {
    serve: async () => {
      calls++
      throw new Error('disk gone')
    },
  }
  const server = await start(source)
  for (const expected of [1, 2]) {
    const reader = await connectReader(server.url)
    await once(reader.socket, 'close')
    assert.is(calls, expected)
  }
  await server.close()
})

test('a taken port is FEED_UNAVAILABLE', async () => {
  const server = await start(quiet)
  const port = Number(new URL(server.url).port)
  try {
    await startFeedServer({
      host: '127.0.0.1',
      port,
      source: quiet,
      pingEveryMs: 60_000,
      logger: silent,
    })
    assert.unreachable()
  } catch (error) {
    assert.is((error as { code?: string }).code, 'FEED_UNAVAILABLE')
  }
  await server.close()
})

test('closes once, however often close is called', async () => {
  const server = await start(quiet)
  const reader = await connectReader(server.url)
  await Promise.all([server.close(), server.close(), once(reader.socket, 'close')])
  await server.close()
})

test.run()
