import * as assert from 'uvu/assert'
import type { FeedClient } from '../../src/feed-server/client.ts'
import { createMarket } from '../../src/feed-server/market.ts'
import { startFeedServer } from '../../src/feed-server/server.ts'
import { createPace, simulatedTrades } from '../../src/feed-server/simulated-trades.ts'
import { eventually } from '../support/eventually.ts'
import { keptLog } from '../support/kept-log.ts'
import { silent } from '../support/silent.ts'
import { suite } from '../support/suite.ts'
import { connectReader } from './feed-reader.ts'

const test = suite('simulated trades')
const symbols = ['AAPL', 'TSLA', 'BINANCE:BTCUSDT', '__proto__', 'IC "MARKETS":1']

type Entry = { c: string[] | null; p: number; s: string; t: number; v: number }

const trades = (seed: number, count = 20_000): Entry[] =>
  createMarket(seed)
    .trades({ count, from: 1_000_000, to: 1_000_000 + count, symbols })
    .map(({ entry }) => JSON.parse(entry))

const share = (entries: readonly Entry[], of: (entry: Entry, before: Entry) => boolean): number =>
  entries.filter((entry, i) => i > 0 && of(entry, entries[i - 1] ?? entry)).length / entries.length

test('are the same for the same seed, others for another', () => {
  assert.equal(trades(7, 500), trades(7, 500))
  assert.not.equal(trades(7, 500), trades(8, 500))
})

test('are plausible: cents, sizes above zero, prices near where they opened', () => {
  for (const { p, v, s } of trades(1)) {
    assert.is(Math.round(p * 100) / 100, p)
    assert.ok(v > 0 && v <= 500)
    assert.ok(symbols.includes(s))
    if (s === 'AAPL') assert.ok(p > 200 && p < 260, `AAPL at ${p}`)
  }
})

test('come in bursts that share symbol and millisecond, some equal in every field', () => {
  const entries = trades(1)
  const inBursts = share(entries, (a, b) => a.s === b.s && a.t === b.t)
  const repeats = share(entries, (a, b) => JSON.stringify(a) === JSON.stringify(b))
  assert.ok(inBursts > 0.2 && inBursts < 0.6, `${inBursts} in bursts`)
  assert.ok(repeats > 0.02 && repeats < 0.2, `${repeats} repeats`)
})

test('are paced by the clock: none lost to rounding, a stall made up for only in part', () => {
  let now = 0
  const pace = createPace(3, () => now)
  let count = 0
  for (; now < 10_000; now += 7) count += pace.due().count
  now = 10_000
  assert.is(count + pace.due().count, 30)
  now += 3_600_000
  assert.equal(pace.due(), { count: 6, from: 3_608_000, to: 3_610_000 })
  now -= 60_000
  assert.is(pace.due().count, 0)
})

test('reach each client for its own symbols only', async () => {
  const source = simulatedTrades({ tradesPerSecond: 5_000, seed: 1, logger: silent })
  const server = await startFeedServer({
    host: '127.0.0.1',
    port: 0,
    source,
    pingEveryMs: 60_000,
    logger: silent,
  })
  const one = await connectReader(server.url, ['AAPL'])
  const two = await connectReader(server.url, ['TSLA', 'AMD'])
  const seen = (reader: typeof one) => [...new Set(reader.entries().map(({ s }) => s))].sort()

  await eventually(() => seen(one).length === 1 && seen(two).length === 2)
  assert.equal(seen(one), ['AAPL'])
  assert.equal(seen(two), ['AMD', 'TSLA'])
  assert.ok(one.entries().every(({ t }) => Math.abs(Date.now() - t) < 60_000))

  await one.close()
  const before = two.texts.length
  await eventually(() => two.texts.length > before)
  await two.close()
  await server.close()
})

test('that clients are slow now and then is told ever more seldom', async () => {
  const { logger, entries: said } = keptLog()
  const leaving = new AbortController()
  let hasRoom = false
  const client: FeedClient = {
    symbols: new Set(['AAPL']),
    signal: leaving.signal,
    offer: () => {
      hasRoom = !hasRoom
      return hasRoom
    },
    send: async () => {},
    subscribedTo: async () => {},
  }
  await simulatedTrades({ tradesPerSecond: 10_000, seed: 1, logger }).serve(client)
  await eventually(() => said.at(-1)?.times === 16)
  leaving.abort()
  assert.equal(
    said.map(({ times }) => times),
    [1, 2, 4, 8, 16],
  )
})

test.run()
