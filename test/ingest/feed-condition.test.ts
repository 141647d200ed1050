import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import type { FeedSettings } from '../../src/ingest/feed.ts'
import type { Ingest } from '../../src/ingest/ingestor.ts'
import { ingestReadiness } from '../../src/ingest/readiness.ts'
import { eventStoreDouble } from '../support/event-store-double.ts'
import { eventually } from '../support/eventually.ts'
import { keptLog } from '../support/kept-log.ts'
import { suite } from '../support/suite.ts'
import { interruption } from '../support/trade.ts'
import { away, feedOf, startOn, withIngest } from './running-ingest.ts'
import { startScriptedFeed } from './scripted-feed.ts'

const test = suite('condition of a feed')

const pingEveryMs = 60_000
const lastingMs = 2 * pingEveryMs

/** The clocks of ingest: time passes if a test says so. */
function startClock() {
  let ms = Date.UTC(2026, 0, 5, 15)
  let uptimeMs = 0
  return {
    now: () => ms,
    uptimeMs: () => uptimeMs,
    pass: (passedMs: number) => {
      ms += passedMs
      uptimeMs += passedMs
    },
  }
}

const conditionOf = (ingest: Ingest) => {
  const [feed] = ingest.stats().feeds
  assert.ok(feed)
  return feed
}

const reasonsOf = async (ingest: Ingest) =>
  (await ingestReadiness(ingest.stats)()).map(({ part, message }) => `${part}: ${message}`)

const tradeOf = (p: number, t: number, s = 'AAPL') => ({ type: 'trade', data: [{ p, s, t, v: 1 }] })

const warningsOf = (kept: ReturnType<typeof keptLog>, text: string) =>
  kept.entries.filter(({ level, msg }) => level >= 40 && msg.includes(text)).map(({ msg }) => msg)

for (const [status, problem] of [
  [401, "it refuses with 401: is simulated's token right?"],
  [429, 'it answers 429: too many connections, is the token in use elsewhere?'],
] as const) {
  test(`a token refused with ${status} is what readiness and the status say`, async () => {
    const server = createServer((_, response) => void response.writeHead(status).end())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const ingest = startOn(eventStoreDouble(), `ws://127.0.0.1:${port}`)
    await eventually(() => conditionOf(ingest).problem !== null)
    const { heardUntil, interruption, ...rest } = conditionOf(ingest)
    assert.equal([rest.problem, heardUntil], [problem, null])
    assert.equal(await reasonsOf(ingest), [`feed: is not connected: ${problem}`])
    await eventually(() => conditionOf(ingest).interruption !== null)
    assert.equal(conditionOf(ingest).interruption, {
      from: 0,
      until: null,
      reason: 'not listened before',
    })
    await ingest.stop({ timeoutMs: 100 })
    server.close()
  })
}

test('what the feed says is wrong is shown until a connection has held without it', async () => {
  const clock = startClock()
  const kept = keptLog()
  await withIngest({ ...clock, logger: kept.logger }, async ({ ingest, server }) => {
    const error = { type: 'error', msg: 'Subscribing to too many symbols' }
    for (let i = 0; i < 50; i++) server.send(error)
    await eventually(() => ingest.stats().feedErrors === 50)
    assert.is(conditionOf(ingest).problem, 'it says: Subscribing to too many symbols')
    assert.equal(await reasonsOf(ingest), ['feed: it says: Subscribing to too many symbols'])
    assert.is(warningsOf(kept, 'feed reports an error').length, 1)
    clock.pass(lastingMs)
    server.send({ type: 'ping' }, tradeOf(1, clock.now()))
    await eventually(() => ingest.stats().received === 1)
    assert.is(conditionOf(ingest).problem, 'it says: Subscribing to too many symbols')
    server.sockets[0]?.terminate()
    await eventually(() => server.heard[1]?.length === 1)
    clock.pass(lastingMs)
    server.send({ type: 'ping' })
    await eventually(() => conditionOf(ingest).problem === null)
    assert.equal(await reasonsOf(ingest), [])
  })
})

test('what a feed says is wrong is shown without the token that it repeats', async () => {
  const kept = keptLog()
  const server = await startScriptedFeed()
  const url = `${server.url}?token=my-own-key`
  const ingest = startOn(eventStoreDouble(), url, { logger: kept.logger })
  await eventually(() => ingest.stats().isConnected)
  server.send({ type: 'error', msg: 'Invalid API key: my-own-key' })
  await eventually(() => ingest.stats().feedErrors === 1)
  assert.is(conditionOf(ingest).problem, 'it says: Invalid API key: ***')
  assert.not.match(JSON.stringify(kept.entries), 'my-own-key')
  await ingest.stop({ timeoutMs: 100 })
  await server.close()
})

test('5,000 refused trades are warned of at the first and then seldom, with what to look at', async () => {
  const clock = startClock()
  const kept = keptLog()
  await withIngest({ ...clock, logger: kept.logger }, async ({ ingest, server }) => {
    const refused = async (count: number) => {
      const before = ingest.stats().rejected.time_in_the_future ?? 0
      for (let i = 0; i < count; i++) server.send(tradeOf(i, clock.now() + 3_600_000))
      await eventually(() => ingest.stats().rejected.time_in_the_future === before + count)
    }
    await refused(1)
    const problemOf = (count: string) =>
      `${count} refused (time_in_the_future): is this machine's clock right?`
    const problem = problemOf('1 trade or message is')
    assert.equal(warningsOf(kept, 'refused'), [problem])
    assert.equal(await reasonsOf(ingest), [`feed: ${problem}`])
    const [warning] = kept.entries.filter(({ msg }) => msg === problem)
    assert.match(JSON.stringify(warning), /"sample":"\{\\"p\\":0,/)
    await refused(4_998)
    assert.is(warningsOf(kept, 'refused').length, 1)
    clock.pass(60_000)
    await refused(1)
    assert.equal(warningsOf(kept, 'refused').slice(1), [problemOf('4999 trades or messages are')])
    assert.is(conditionOf(ingest).problem, problemOf('5000 trades or messages are'))
    clock.pass(lastingMs)
    server.send(tradeOf(1, clock.now()))
    await eventually(() => conditionOf(ingest).problem === null)
    assert.equal(await reasonsOf(ingest), [])
    assert.ok(kept.entries.some(({ msg }) => msg.includes('refused any more')))
  })
})

test('frames of a changed form ask whether the feed has changed', async () => {
  await withIngest({}, async ({ ingest, server }) => {
    server.send('garbage', { type: 'trades' }, { type: 'trades' })
    await eventually(() => ingest.stats().messages === 3)
    const problem =
      '3 trades or messages are refused (mostly message_of_unknown_type): has the feed changed its form?'
    assert.is(conditionOf(ingest).problem, problem)
  })
})

test('says until when all is in the log that the feed sent: not what waits in the buffer', async () => {
  const clock = startClock()
  const store = eventStoreDouble({ now: clock.now })
  let isLooking = true
  const heads: typeof store.heads = async () => {
    await eventually(() => !isLooking)
    return store.heads()
  }
  await withIngest(
    clock,
    async ({ ingest, server }) => {
      const startedAt = clock.now()
      await eventually(() => server.heard[0]?.length === 1)
      server.send({ type: 'ping' })
      await eventually(() => ingest.stats().messages === 1)
      assert.is(conditionOf(ingest).heardUntil, null, 'what the log lacks is not known yet')
      isLooking = false
      await eventually(() => conditionOf(ingest).heardUntil === startedAt)

      store.beforeAppend(away)
      clock.pass(1_000)
      server.send(tradeOf(1, clock.now()))
      await eventually(() => ingest.stats().buffered === 1)
      const waitingSince = clock.now()
      clock.pass(5_000)
      server.send(tradeOf(2, clock.now()))
      await eventually(() => ingest.stats().buffered === 2)
      assert.ok(Number(conditionOf(ingest).heardUntil) <= waitingSince)
      assert.is(conditionOf(ingest).lastTradeAt, clock.now())
      store.beforeAppend(async () => {})
      await eventually(() => store.events().length === 2)

      const port = Number(new URL(server.url).port)
      await server.close()
      await eventually(() => conditionOf(ingest).state === 'disconnected')
      const { heardUntil, interruption } = conditionOf(ingest)
      clock.pass(60_000)
      assert.is(conditionOf(ingest).heardUntil, heardUntil)
      assert.equal(interruption, { from: heardUntil, until: null, reason: 'disconnected' })
      assert.is(heardUntil, startedAt, 'pings were sent at that time only')
      const again = await startScriptedFeed((socket) => socket.send('{"type":"ping"}'), { port })
      await eventually(() => Number(conditionOf(ingest).heardUntil) > Number(heardUntil))
      await ingest.stop({ timeoutMs: 100 })
      await again.close()
    },
    { ...store, heads },
  )
})

test('the time since the last term is an interruption until the first word', async () => {
  const clock = startClock()
  const store = eventStoreDouble({ now: clock.now })
  await store.append([interruption({ from: 1, until: 2 })])
  clock.pass(1_000)
  const down = await startScriptedFeed()
  await down.close()
  const ingest = startOn(store, down.url, clock)
  await eventually(() => conditionOf(ingest).interruption !== null)
  const absence = { from: 1, until: null, reason: 'ingest not running' }
  assert.equal(conditionOf(ingest).interruption, absence)
  const port = Number(new URL(down.url).port)
  const again = await startScriptedFeed((socket) => socket.send('{"type":"ping"}'), { port })
  await eventually(() => conditionOf(ingest).interruption?.until !== null)
  assert.equal(conditionOf(ingest).interruption, { ...absence, until: clock.now() })
  await ingest.stop({ timeoutMs: 100 })
  await again.close()
})

/** A file feed whose protocol knows the last frame. */
function fileFeed(url: string): FeedSettings {
  const feed = feedOf({ url, symbols: ['AAPL'] }, 'file')
  const parse: typeof feed.protocol.parse = (message, now) =>
    String(message) === '"end"'
      ? { kind: 'end', trades: [], rejected: [] }
      : feed.protocol.parse(message, now)
  return { ...feed, protocol: { ...feed.protocol, parse } }
}

const rowsFrame = (...volumes: readonly unknown[]) => ({
  type: 'trade',
  file: '0123456789abcdef',
  data: volumes.map((v, i) => ({ p: 1, s: 'AAPL', t: 1_381_226_348_450, v, row: i + 1 })),
})

test('a played file says so, and which rows were refused', async () => {
  for (const [volumes, problem] of [
    [[1, 2, 3], null],
    [[1, -2, -3], '2 rows of the file are refused (invalid_volume): is it a file of another form?'],
  ] as const) {
    const kept = keptLog()
    const server = await startScriptedFeed((socket) => {
      for (const frame of [rowsFrame(...volumes), 'end']) socket.send(JSON.stringify(frame))
    })
    const ingest = startOn(eventStoreDouble(), '', {
      feeds: [fileFeed(server.url)],
      logger: kept.logger,
    })
    await eventually(() => conditionOf(ingest).state === 'played')
    assert.is(conditionOf(ingest).problem, problem)
    assert.equal([ingest.stats().isConnected, await reasonsOf(ingest)], [true, []])
    const said = kept.entries.filter(({ msg }) => msg.startsWith('every row of the file has come'))
    assert.equal(
      said.map(({ level, msg }) => [level, msg]),
      [
        [
          problem === null ? 30 : 40,
          ['every row of the file has come', problem].filter(Boolean).join(': '),
        ],
      ],
    )
    assert.is(warningsOf(kept, 'refused (').length, problem === null ? 0 : 2)
    assert.is(ingest.stats().interruptions, 0)
    server.sockets[0]?.terminate()
    await eventually(() => server.sockets.length === 2 && conditionOf(ingest).state === 'played')
    assert.ok(problem === null || conditionOf(ingest).problem?.endsWith(problem), 'as before')
    await ingest.stop({ timeoutMs: 1_000 })
    await server.close()
  }
})

test.run()
