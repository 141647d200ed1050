import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BehaviorSubject, concat, finalize, NEVER, of } from 'rxjs'
import * as assert from 'uvu/assert'
import { TradelogError } from '../../src/domain/errors.ts'
import { openRecordedTrades } from '../../src/feed-server/recorded-trades.ts'
import { startFeedServer } from '../../src/feed-server/server.ts'
import type { FeedSettings } from '../../src/ingest/feed.ts'
import { rejectFile } from '../../src/ingest/rejects/files.ts'
import { eventStoreDouble } from '../support/event-store-double.ts'
import { eventually } from '../support/eventually.ts'
import { silent } from '../support/silent.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { interruption } from '../support/trade.ts'
import { judgeFrame } from '../support/trade-file.ts'
import {
  away,
  type Double,
  feedOf,
  orderOf,
  startOn,
  withIngest as withAnyIngest,
} from './running-ingest.ts'
import { startScriptedFeed } from './scripted-feed.ts'

const test = suite('ingestor')
const now = 1_763_645_583_544
const directory = temporaryDirectory()
const start = (...[store, url, options]: Parameters<typeof startOn>) =>
  startOn(store, url, { now: () => now, directory, ...options })

/** Waits until the log has the time before the first start. */
const withIngest = (
  options: Parameters<typeof withAnyIngest>[0],
  body: Parameters<typeof withAnyIngest>[1],
  on?: Double,
) =>
  withAnyIngest(
    { now: () => now, directory, ...options },
    async (running) => {
      const { store, ingest } = running
      const isActive = ingest.stats().state === 'active'
      await eventually(() => !isActive || ingest.stats().appended > 0)
      store.calls.length = 0
      await body(running)
    },
    on,
  )

const tradeFrame = (...prices: unknown[]) => ({
  data: prices.map((p) => ({ p, s: 'AAPL', t: now, v: 1 })),
  type: 'trade',
})
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)
const pricesOf = (store: Double) => store.events().map(({ price }) => Number(price))

test('what the feed sends is in the log, in order, bad neighbours counted and kept', () =>
  withIngest({}, async ({ store, server, ingest }) => {
    server.send(tradeFrame(1, 'x', 2), 'garbage', { type: 'ping' }, tradeFrame(2, 3))
    await eventually(() => store.events().length === 4)
    assert.equal(pricesOf(store), [1, 2, 2, 3])
    const { rejected, messages, received } = ingest.stats()
    assert.equal(rejected, { invalid_price: 1, message_not_json: 1 })
    assert.equal([messages, received], [4, 4])
    await ingest.stop({ timeoutMs: 1_000 })
    const kept = readFileSync(join(directory, rejectFile), 'utf8').trim().split('\n')
    assert.equal(
      kept.map((line) => JSON.parse(line).reason),
      ['invalid_price', 'message_not_json'],
    )
  }))

test('its rejects are on disk before another process may become active', async () => {
  const directory = temporaryDirectory()
  let keptAtTheEnd = 0
  const count = () => {
    keptAtTheEnd = readFileSync(join(directory, rejectFile), 'utf8').trim().split('\n').length
  }
  const election = concat(of(true), NEVER).pipe(finalize(count))
  const body: Parameters<typeof withIngest>[1] = async ({ server, ingest }) => {
    for (let i = 0; i < 50; i++) server.send(tradeFrame(...upTo(100).map(String)))
    await eventually(() => ingest.stats().rejected.invalid_price === 5_000)
  }
  await withIngest({ directory }, body, eventStoreDouble({ election }))
  assert.is(keptAtTheEnd, 5_000)
})

test('an append that fails is repeated with the identical array until it is taken', () =>
  withIngest({}, async ({ store, server, ingest }) => {
    store.beforeAppend(away)
    server.send(tradeFrame(1, 2))
    await eventually(() => store.calls.length >= 3)
    server.send(tradeFrame(3))
    await eventually(() => ingest.stats().buffered === 3)
    store.beforeAppend(async () => {})
    await eventually(() => store.events().length === 3)
    const [first, ...others] = store.calls.slice(0, -1)
    assert.ok(others.every((call) => call === first))
    assert.equal(pricesOf(store), [1, 2, 3])
    assert.ok(ingest.stats().appendFailures >= 3)
  }))

test('one append is in flight at a time, and it takes up what has arrived', () =>
  withIngest({}, async ({ store, server, ingest }) => {
    let release = () => {}
    store.beforeAppend(() => new Promise((resolve) => (release = resolve)))
    server.send(tradeFrame(...upTo(10)))
    await eventually(() => store.calls.length === 1)
    for (const price of upTo(200)) server.send(tradeFrame(10 + price))
    await eventually(() => ingest.stats().buffered === 210)
    assert.is(store.calls.length, 1)
    store.beforeAppend(async () => {})
    release()
    await eventually(() => store.events().length === 210)
    assert.equal(pricesOf(store), upTo(210))
    assert.equal(
      store.calls.map(({ length }) => length),
      [10, 100, 100],
    )
  }))

test('while the event store is away the socket waits: memory is bounded, nothing is lost', () =>
  withIngest({}, async ({ store, server, ingest }) => {
    store.beforeAppend(away)
    const frames = 3_000
    const padding = 'x'.repeat(16_000)
    for (const i of upTo(frames)) server.send({ ...tradeFrame(i * 2, i * 2 + 1), padding })
    await eventually(() => ingest.stats().isPaused)
    await eventually(() => store.calls.length > 20)
    const held = ingest.stats().buffered
    assert.ok(held >= 1_000 && held < 1_500, `${held} trades are held`)
    assert.ok((server.sockets[0]?.bufferedAmount ?? 0) > 0)
    store.beforeAppend(async () => {})
    await eventually(() => store.events().length === 2 * frames)
    assert.equal(pricesOf(store), upTo(2 * frames))
    assert.is(server.sockets.length, 1)
    assert.not(ingest.stats().isPaused)
  }))

test('stopping appends what is buffered', () =>
  withIngest({}, async ({ store, server, ingest }) => {
    let release = () => {}
    store.beforeAppend(() => new Promise((resolve) => (release = resolve)))
    server.send(tradeFrame(...upTo(500)))
    await eventually(() => ingest.stats().buffered === 500)
    const stopped = ingest.stop({ timeoutMs: 10_000 })
    store.beforeAppend(async () => {})
    release()
    await stopped
    await ingest.closed
    assert.equal(pricesOf(store), upTo(500))
    const { state, dropped, buffered } = ingest.stats()
    assert.equal([state, dropped, buffered], ['stopped', 0, 0])
  }))

test('stopping ends in time while the event store is away, and counts what it dropped', () =>
  withIngest({}, async ({ store, server, ingest }) => {
    store.beforeAppend(away)
    server.send(tradeFrame(...upTo(500)))
    await eventually(() => ingest.stats().buffered === 500)
    await Promise.all([ingest.stop({ timeoutMs: 20 }), ingest.stop({ timeoutMs: 20 })])
    await eventually(() => ingest.stats().dropped === 500)
    assert.equal(store.events(), [])
  }))

test('stands by until it is elected, and again when it is no more', async () => {
  const election = new BehaviorSubject(false)
  const store = eventStoreDouble({ election })
  await withIngest(
    {},
    async ({ server, ingest }) => {
      assert.is(ingest.stats().state, 'standing by')
      assert.is(server.sockets.length, 0)
      election.next(true)
      await eventually(() => ingest.stats().isConnected)
      server.send(tradeFrame(1))
      await eventually(() => store.events().length === 1)
      store.beforeAppend(away)
      server.send(tradeFrame(2))
      await eventually(() => ingest.stats().buffered === 1)
      election.next(false)
      await eventually(() => ingest.stats().dropped === 1 && !ingest.stats().isConnected)
      store.beforeAppend(async () => {})
      election.next(true)
      await eventually(() => ingest.stats().isConnected)
      server.send(tradeFrame(3))
      await eventually(() => store.events().length === 2)
      assert.equal(pricesOf(store), [1, 3])
    },
    store,
  )
})

test('an append that says another process is active makes it stand again', () =>
  withIngest({}, async ({ store, server, ingest }) => {
    store.beforeAppend(async () => {
      store.beforeAppend(async () => {})
      throw new TradelogError('NOT_THE_ACTIVE_WRITER', 'lost')
    })
    server.send(tradeFrame(1))
    await eventually(() => server.sockets.length === 2 && ingest.stats().isConnected)
    server.send(tradeFrame(2))
    await eventually(() => store.events().length === 1)
    assert.equal(pricesOf(store), [2])
    assert.is(ingest.stats().dropped, 1)
  }))

test('an event store that refuses for good ends it', () =>
  withIngest({}, async ({ store, server, ingest }) => {
    store.beforeAppend(() => Promise.reject(new TradelogError('EVENT_STORE_REFUSED', 'no')))
    server.send(tradeFrame(1))
    const code = await ingest.closed.then(
      () => 'resolved',
      (error: TradelogError) => error.code,
    )
    assert.is(code, 'EVENT_STORE_REFUSED')
    assert.is(ingest.stats().state, 'stopped')
  }))

/** A feed of its own name: what `feedOf` gives, with another source in its trades. */
function namedFeed(source: string, url: string, symbols: readonly string[]): FeedSettings {
  const { protocol, ...settings } = feedOf({ url, symbols })
  const parse: typeof protocol.parse = (message, at) => {
    const parsed = protocol.parse(message, at)
    return { ...parsed, trades: parsed.trades.map((trade) => ({ ...trade, source })) }
  }
  return { ...settings, source, protocol: { ...protocol, parse } }
}

const tradeOf = (s: string, p: number) => ({
  type: 'trade',
  data: [{ p, s, t: Date.now(), v: 1 }],
})

test('of two feeds each has its symbols, its connection, its interruptions and its counts', async () => {
  const store = eventStoreDouble({ partitions: 1, now: Date.now })
  const [one, other] = [await startScriptedFeed(), await startScriptedFeed()]
  const feeds = [namedFeed('one', one.url, ['AAPL']), namedFeed('other', other.url, ['X:1', 'X:2'])]
  const ingest = start(store, '', { feeds, now: Date.now })
  await eventually(() => one.heard[0]?.length === 1 && other.heard[0]?.length === 2)
  one.send(tradeOf('AAPL', 1), 'garbage')
  other.send(tradeOf('X:1', 2))
  await eventually(() => store.events().length === 2)
  other.sockets[0]?.terminate()
  await eventually(() => other.sockets.length === 2 && ingest.stats().isConnected)
  one.send(tradeOf('AAPL', 3))
  other.send(tradeOf('X:2', 4))
  await eventually(() => store.events().length === 4)
  await ingest.stop({ timeoutMs: 1_000 })
  await Promise.all([one.close(), other.close()])
  assert.equal(
    store
      .interruptions()
      .map(({ symbol, reason, source }) => `${source}: ${symbol} ${reason}`)
      .sort(),
    [
      'one: AAPL not listened before',
      'one: AAPL trades refused',
      ...['other: X:1 disconnected', 'other: X:1 disconnected'],
      'other: X:1 not listened before',
      ...['other: X:2 disconnected', 'other: X:2 disconnected'],
      'other: X:2 not listened before',
    ],
  )
  const stats = ingest.stats()
  assert.equal(
    [stats.received, stats.interruptions, stats.connections, stats.appended],
    [4, 8, 3, 12],
  )
  assert.equal(
    stats.feeds.map((feed) => [feed.source, feed.received, feed.interruptions, feed.connections]),
    [
      ['one', 2, 2, 1],
      ['other', 2, 6, 2],
    ],
  )
  assert.equal(stats.feeds[0]?.rejected, { message_not_json: 1 })
})

test('a feed that is down at the start holds up no other, and its absence is recorded later', async () => {
  const store = eventStoreDouble({ partitions: 1, now: Date.now })
  await store.append([interruption({ symbol: 'X:1', from: 1, until: 2, source: 'other' })])
  const one = await startScriptedFeed()
  const down = await startScriptedFeed()
  await down.close()
  const feeds = [namedFeed('one', one.url, ['AAPL']), namedFeed('other', down.url, ['X:1'])]
  const ingest = start(store, '', { feeds, now: Date.now })
  await eventually(() => ingest.stats().feeds[0]?.state === 'connected')
  one.send(tradeOf('AAPL', 1))
  await eventually(() => store.events().length === 1)
  assert.equal(
    ingest.stats().feeds.map(({ state }) => state === 'connected'),
    [true, false],
  )
  const other = await startScriptedFeed(undefined, { port: Number(new URL(down.url).port) })
  await eventually(() => ingest.stats().isConnected)
  other.send(tradeOf('X:1', 2))
  await eventually(() => store.events().length === 2)
  await ingest.stop({ timeoutMs: 1_000 })
  await Promise.all([one.close(), other.close()])
  assert.equal(orderOf(store).slice(1), [
    ...['AAPL ingest not running', 'AAPL 1'],
    ...['X:1 ingest not running', 'X:1 2'],
  ])
})

const rows = 3_000
const fileSymbols = ['AAPL', 'BINANCE:BTCUSDT', 'IC MARKETS:1', '__proto__']

async function startFile() {
  const path = join(directory, 'trades.csv')
  const lines = upTo(rows).map((i) => `${fileSymbols[(i * 7) % 4]},${i},1,1381226348450,\n`)
  writeFileSync(path, `symbol,price,volume,timestamp_ms,conditions\n${lines.join('')}`)
  const options = { speed: 'max', judge: judgeFrame, logger: silent } as const
  const source = await openRecordedTrades({ path, ...options })
  return startFeedServer({
    host: '127.0.0.1',
    port: 0,
    source,
    pingEveryMs: 60_000,
    logger: silent,
  })
}

function isOnce(store: Double) {
  const prices = pricesOf(store).sort((a, b) => a - b)
  assert.equal(prices, upTo(rows))
}

test('a file is in the log once, however often ingest and its connection are cut off', async () => {
  const store = eventStoreDouble()
  let appends = 0
  const fileFeed = { source: 'file', symbols: fileSymbols } as const
  const fail = async () => {
    if (++appends % 7 === 0) throw new TradelogError('EVENT_STORE_UNAVAILABLE', 'away')
    if (appends % 11 === 0) throw new TradelogError('NOT_THE_ACTIVE_WRITER', 'lost')
  }
  store.beforeAppend(fail)
  store.afterAppend(fail)
  for (let round = 0; store.events().length < rows; round++) {
    const server = await startFile()
    const ingest = start(store, server.url, { ...fileFeed, symbols: [...fileSymbols] })
    const enough = Math.min(rows, 400 * (round + 1))
    await eventually(() => store.events().length >= enough)
    await server.close()
    await ingest.stop({ timeoutMs: round % 2 === 0 ? 0 : 1_000 })
  }
  isOnce(store)
})

test('what another ingest appended while this one was out of touch is passed over', async () => {
  const store = eventStoreDouble()
  const server = await startFile()
  let appends = 0
  store.beforeAppend(async (events) => {
    // Another one has taken over for a while, and has played a part of what is to be appended.
    if (++appends % 5 !== 0) return
    await store.append(events.slice(0, Math.ceil(events.length / 2)))
    throw new TradelogError('ELECTION_LAPSED', 'another may have appended')
  })
  store.afterAppend(async () => {
    // It was this one's own append that nobody confirmed any more.
    if (appends % 7 === 0) throw new TradelogError('ELECTION_LAPSED', 'another may have appended')
  })
  const ingest = start(store, server.url, { source: 'file', symbols: fileSymbols })
  await eventually(() => store.events().length >= rows)
  await ingest.stop({ timeoutMs: 10_000 })
  await server.close()
  isOnce(store)
  assert.is(ingest.stats().dropped, 0)
  assert.ok(appends > 7)
})

test('every trade received is appended, passed over or dropped, also where an append is refused', async () => {
  const store = eventStoreDouble()
  const server = await startFile()
  const ingest = start(store, server.url, { source: 'file', symbols: fileSymbols })
  await eventually(() => store.events().length === rows)
  await ingest.stop({ timeoutMs: 1_000 })
  const forgotten = store.log.flatMap((records) => records.splice(-40)).length
  store.beforeAppend(async () => {
    throw new TradelogError('EVENT_STORE_REFUSED', 'for good')
  })
  const second = start(store, server.url, { source: 'file', symbols: fileSymbols })
  await second.closed.catch(() => {})
  const { received, appended, passedOver, dropped, buffered } = second.stats()
  assert.ok(forgotten > 0 && passedOver > 0 && dropped > 0)
  assert.is(appended + passedOver + dropped + buffered, received)
  await second.stop({ timeoutMs: 0 })
  await server.close()
})

test('a file played again to the same process is passed over, row by row', async () => {
  const store = eventStoreDouble()
  const server = await startFile()
  const ingest = start(store, server.url, { source: 'file', symbols: fileSymbols })
  await eventually(() => store.events().length === rows)
  const second = start(store, server.url, { source: 'file', symbols: fileSymbols })
  await eventually(() => second.stats().passedOver === rows)
  await ingest.stop({ timeoutMs: 1_000 })
  await second.stop({ timeoutMs: 1_000 })
  await server.close()
  isOnce(store)
  assert.is(second.stats().appended, 0)
  assert.equal(store.interruptions(), [])
})

test.run()
