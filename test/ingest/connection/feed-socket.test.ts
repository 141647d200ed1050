import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import pino from 'pino'
import * as assert from 'uvu/assert'
import { feedAddress } from '../../../src/ingest/connection/address.ts'
import {
  type FeedSocketOptions,
  openFeedSocket,
} from '../../../src/ingest/connection/feed-socket.ts'
import type { Loss } from '../../../src/ingest/connection/listening.ts'
import { finnhubProtocol } from '../../../src/ingest/feeds/finnhub/protocol.ts'
import { eventually } from '../../support/eventually.ts'
import { suite } from '../../support/suite.ts'
import { type ScriptedFeed, startScriptedFeed } from '../scripted-feed.ts'

const test = suite('feed socket')

const subscriptions = [
  '{"type":"subscribe","symbol":"AAPL"}',
  '{"type":"subscribe","symbol":"AMD"}',
]

type Options = FeedSocketOptions & Readonly<{ pingEveryMs: number; token: string }>

type Entry = Readonly<{ level: number; msg: string; failures?: number }>

/** A feed that keeps what it gives and logs. */
function openRecorder(
  url: string,
  { pingEveryMs = 60_000, token = '', ...options }: Partial<Options> = {},
) {
  const messages: string[] = []
  const lines: string[] = []
  const seen = { oversized: 0, connections: 0 }
  const feed = openFeedSocket({
    source: 'finnhub',
    protocol: finnhubProtocol({ url, token, source: 'finnhub', pingEveryMs }),
    symbols: ['AAPL', 'AMD'],
    backoff: { firstMs: 1, maxMs: 20 },
    onMessage: (message) => {
      messages.push(String(message))
      return true
    },
    onOversized: () => seen.oversized++,
    onConnected: () => seen.connections++,
    onPing: () => {},
    onListening: () => {},
    onHeld: () => {},
    onLost: () => {},
    now: Date.now,
    uptimeMs: () => performance.now(),
    logger: pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) }),
    random: () => 1,
    ...options,
  })
  const entries = () => lines.map((line): Entry => JSON.parse(line))
  const lost = () => entries().filter(({ msg }) => msg === 'feed disconnected')
  const failures = () => lost().map((entry) => entry.failures)
  return { ...feed, messages, lines, entries, seen, failures }
}

async function withFeed(
  server: ScriptedFeed,
  options: Partial<Options>,
  body: (feed: ReturnType<typeof openRecorder>) => Promise<void>,
) {
  const feed = openRecorder(server.url, options)
  try {
    await body(feed)
  } finally {
    await feed.close()
    await server.close()
  }
}

test('subscribes to every symbol, on every connection', async () => {
  const server = await startScriptedFeed()
  await withFeed(server, {}, async (feed) => {
    await eventually(() => server.heard[0]?.length === 2)
    assert.is(feed.condition().state, 'connected')
    server.sockets[0]?.terminate()
    await eventually(() => server.heard[1]?.length === 2)
    assert.equal(server.heard, [subscriptions, subscriptions])
    assert.is(feed.seen.connections, 2)
  })
})

/** As the connections are lost, one after the other. */
const lossesOf = (lost: readonly Loss[]) => lost.map(({ reason, hadHeld }) => [reason, hadHeld])

test('a feed that says one good word and closes is asked ever more seldom', async () => {
  const server = await startScriptedFeed((socket) => socket.send('good', () => socket.terminate()))
  const lost: Loss[] = []
  await withFeed(server, { onLost: (loss) => void lost.push(loss) }, async (feed) => {
    await eventually(() => lost.length === 9)
    assert.equal(feed.failures(), [1, 2, 3, 4, 5, 6, 7, 8, 9].slice(0, feed.failures().length))
    assert.equal(lossesOf(lost), Array(9).fill(['disconnected', false]))
    const { state, problem } = feed.condition()
    assert.is(state, 'disconnected')
    assert.match(problem ?? '', /^it connects, but doesn't hold: \d connections were lost: closed/)
  })
})

test('a flapping feed is logged at the first, and then ever more seldom', async () => {
  const server = await startScriptedFeed((socket) => socket.send('good', () => socket.terminate()))
  await withFeed(server, { backoff: { firstMs: 1, maxMs: 1 } }, async (feed) => {
    await eventually(() => Number(feed.failures().at(-1)) >= 40)
    const told = feed.entries().filter(({ level, failures = 0 }) => level > 20 && failures < 40)
    assert.equal(
      told.map(({ msg, failures }) => `${msg} ${failures ?? ''}`),
      [
        ...['feed connected ', 'feed disconnected 1'],
        // The first connection that is lost early may be an accident.
        ...['feed connected ', 'feed disconnected 2'],
        ...[4, 8, 16, 32].map((n) => `feed disconnected ${n}`),
      ],
    )
  })
})

test('failures are forgotten once a connection has held two ping periods', async () => {
  let uptime = 0
  const server = await startScriptedFeed((socket, count) => {
    if (count < 4) socket.send('good', () => socket.terminate())
  })
  const held: number[] = []
  const options = { uptimeMs: () => uptime, onHeld: (since: number) => void held.push(since) }
  await withFeed(server, options, async (feed) => {
    await eventually(() => server.heard[3]?.length === 2)
    server.send('good')
    await eventually(() => feed.messages.length === 4)
    assert.match(feed.condition().problem ?? '', /^it connects, but doesn't hold: 3 connections/)
    uptime = 120_000
    server.sockets[3]?.ping()
    await eventually(() => held.length === 1)
    assert.is(feed.condition().problem, null)
    server.sockets[3]?.terminate()
    await eventually(() => feed.failures().length === 4)
    assert.equal(feed.failures(), [1, 2, 3, 1])
  })
})

test('a message that is not good does not show that the connection holds', async () => {
  let uptime = 0
  const server = await startScriptedFeed((socket, count) => {
    uptime += 1_000_000
    if (count < 4) socket.send('{"type":"error"}', () => socket.terminate())
  })
  await withFeed(server, { onMessage: () => false, uptimeMs: () => uptime }, async (feed) => {
    await eventually(() => server.sockets.length === 4)
    assert.equal(feed.failures(), [1, 2, 3])
  })
})

test('takes a connection for dead after 2.5 silent ping periods', async () => {
  const server = await startScriptedFeed()
  await withFeed(server, { pingEveryMs: 20 }, async (feed) => {
    await eventually(() => server.sockets.length >= 2)
    assert.ok(feed.lines.some((line) => line.includes('nothing was heard for 50 ms')))
  })
})

test('a dead socket is noticed as soon as ten pings of ours are not answered', async () => {
  const server = await startScriptedFeed((socket) => socket.pause())
  const lost: Loss[] = []
  const options = { ownPingEveryMs: 10, onLost: (loss: Loss) => void lost.push(loss) }
  const frozen = await startScriptedFeed((socket) => socket.send('x', () => socket.pause()))
  await withFeed(server, options, async (feed) => {
    await eventually(() => server.sockets.length >= 2)
    assert.ok(feed.lines.some((line) => line.includes('10 pings in a row were not answered')))
  })
  assert.equal(lost, [], 'it was never heard')
  await withFeed(frozen, options, async () => {
    await eventually(() => lost.length > 0)
    assert.is(lost[0]?.reason, 'silent')
  })
})

test('a feed that answers no ping is alive as long as it talks', async () => {
  const server = await startScriptedFeed(undefined, { autoPong: false })
  await withFeed(server, { ownPingEveryMs: 5 }, async (feed) => {
    await eventually(() => feed.condition().state === 'connected')
    let pings = 0
    server.sockets[0]?.on('ping', () => {
      if (++pings % 5 === 0) server.send('x')
    })
    await eventually(() => pings >= 60)
    assert.is(server.sockets.length, 1)
    server.sockets[0]?.removeAllListeners('ping')
    server.sockets[0]?.on('ping', () => pings++)
    await eventually(() => pings >= 100)
    assert.is(server.sockets.length, 1, 'it has never answered, so no answer means nothing')
  })
})

test('a process that was busy or stopped does not take the feed for dead', async () => {
  const server = await startScriptedFeed()
  await withFeed(server, { ownPingEveryMs: 5 }, async (feed) => {
    await eventually(() => feed.condition().state === 'connected')
    for (let i = 0; i < 3; i++) {
      const until = performance.now() + 300
      while (performance.now() < until);
      await new Promise((resolve) => setImmediate(resolve))
    }
    const answersMs = await new Promise((resolve) => server.sockets[0]?.once('ping', resolve))
    assert.ok(answersMs)
    assert.is(server.sockets.length, 1)
  })
})

test('any message is a sign of life', async () => {
  const server = await startScriptedFeed()
  await withFeed(server, { pingEveryMs: 100 }, async (feed) => {
    await eventually(() => feed.condition().state === 'connected')
    const startedAt = Date.now()
    while (Date.now() < startedAt + 600) {
      const { length } = feed.messages
      server.send('x')
      await eventually(() => feed.messages.length > length)
    }
    assert.is(server.sockets.length, 1)
  })
})

test('a paused feed is read no further, and is not taken for dead', async () => {
  const server = await startScriptedFeed()
  await withFeed(server, { pingEveryMs: 40 }, async (feed) => {
    await eventually(() => feed.condition().state === 'connected')
    feed.pause()
    const text = 'x'.repeat(64 * 1024)
    for (let i = 0; i < 400; i++) server.send(text)
    await eventually(() => (server.sockets[0]?.bufferedAmount ?? 0) > 1_000_000)
    const { length } = feed.messages
    const pausedAt = Date.now()
    await eventually(() => Date.now() > pausedAt + 300)
    assert.is(feed.messages.length, length)
    assert.is(server.sockets.length, 1)
    feed.resume()
    await eventually(() => feed.messages.length === 400)
    await eventually(() => server.sockets.length === 2)
  })
})

test('stays paused over a reconnect', async () => {
  // More than the kernel takes for a socket that nobody reads.
  const large = 'x'.repeat(15 * 1024 * 1024)
  const server = await startScriptedFeed((socket) => socket.send(large))
  await withFeed(server, {}, async (feed) => {
    feed.pause()
    await eventually(() => (server.sockets[0]?.bufferedAmount ?? 0) > 1_000_000)
    server.sockets[0]?.terminate()
    await eventually(() => (server.sockets[1]?.bufferedAmount ?? 0) > 1_000_000)
    assert.equal(feed.messages, [])
    feed.resume()
    await eventually(() => feed.messages.length === 1)
  })
})

test('a frame too large to be received is told, and the feed comes back', async () => {
  const server = await startScriptedFeed((socket, count) => {
    socket.send(count === 1 ? Buffer.alloc(17 * 1024 * 1024) : 'small')
  })
  await withFeed(server, {}, async (feed) => {
    await eventually(() => feed.messages.length === 1)
    assert.equal(feed.messages, ['small'])
    assert.is(feed.seen.oversized, 1)
  })
})

test('text that is not UTF-8 does not cost the connection', async () => {
  const server = await startScriptedFeed((socket) => {
    socket.send(Buffer.from([0xff]), { binary: false })
    socket.send('good')
  })
  await withFeed(server, {}, async (feed) => {
    await eventually(() => feed.messages.includes('good'))
    assert.is(server.sockets.length, 1)
  })
})

test('never logs the token, whatever the answer', async () => {
  const server = createServer((request, response) => {
    response.writeHead(401, `no ${request.url}`).end(request.url)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const feed = openRecorder(`ws://127.0.0.1:${port}/x?a=b`, { token: 'hush' })
  await eventually(() => feed.failures().length >= 2)
  await feed.close()
  server.close()
  assert.is(feed.condition().state, 'disconnected')
  assert.match(feed.lines[0] ?? '', /Unexpected server response: 401/)
  assert.not.match(feed.lines.join(), /hush/)
})

test('closes while it connects, while it waits, and twice', async () => {
  const server = await startScriptedFeed()
  const connecting = openRecorder(server.url)
  await connecting.close()
  await server.close()

  const waiting = openRecorder(server.url, { backoff: { firstMs: 60_000, maxMs: 60_000 } })
  await eventually(() => waiting.failures().length === 1)
  await Promise.all([waiting.close(), waiting.close()])
})

test('shows neither the token nor the password of an address', () => {
  const { shown, redact } = feedAddress('finnhub', 'wss://me:secret@feed.example/x?token=to%2Fken')
  assert.is(shown, 'wss://feed.example/x')
  assert.is(redact('to/ken to%2Fken secret'), '*** *** ***')
  const short = feedAddress('finnhub', 'wss://feed.example/x?token=t')
  assert.is(short.redact('Unexpected server response: 401'), 'Unexpected server response: 401')
})

for (const url of ['', 'ws.finnhub.io', 'https://ws.finnhub.io?token=abc', '//abc']) {
  test(`refuses "${url.slice(0, 8)}…" without showing it`, () => {
    try {
      feedAddress('finnhub', url)
      assert.unreachable()
    } catch (error) {
      assert.is((error as { code?: string }).code, 'CONFIG_INVALID')
      assert.match(String(error), /finnhub\.url: must be/)
      assert.not.match(String(error), /abc/)
    }
  })
}

test.run()
