import * as assert from 'uvu/assert'
import type { FeedInterrupted } from '../../../src/domain/feed-interrupted.ts'
import { eventStoreDouble } from '../../support/event-store-double.ts'
import { eventually } from '../../support/eventually.ts'
import { suite } from '../../support/suite.ts'
import { interruption, trade } from '../../support/trade.ts'
import { away, type Double, orderOf, startOn, withIngest } from '../running-ingest.ts'
import { type ScriptedFeed, startScriptedFeed } from '../scripted-feed.ts'

const test = suite('recorded interruptions')

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
    set: (at: number) => {
      ms = at
    },
  }
}

type Clock = ReturnType<typeof startClock>

const tradeOf = (p: number, t: number, s = 'AAPL') => ({
  type: 'trade',
  data: [{ p, s, t, v: 1 }],
})

const storeAt = (clock: Clock) => eventStoreDouble({ partitions: 1, now: clock.now })

/** What is recorded after the time before the first start. */
const afterStart = (store: Double, symbols = 1) => orderOf(store).slice(symbols)

const reads = (store: Double, order: readonly string[]) =>
  eventually(() => JSON.stringify(afterStart(store)) === JSON.stringify(order)).catch(() =>
    assert.equal(afterStart(store), order),
  )

/** The connection has held: the feed pings two ping periods after it. */
async function hold(clock: Clock, server: ScriptedFeed, isHeld: () => boolean) {
  await eventually(() => server.heard.at(-1)?.length !== 0)
  clock.pass(lastingMs)
  await eventually(() => {
    server.send({ type: 'ping' })
    return isHeld()
  })
}

const withClock =
  (
    body: (
      running: Parameters<Parameters<typeof withIngest>[1]>[0] & { clock: Clock },
    ) => Promise<void>,
    options: Parameters<typeof withIngest>[0] = {},
  ) =>
  () => {
    const clock = startClock()
    const { now, uptimeMs } = clock
    return withIngest(
      { now, uptimeMs, pingEveryMs, ...options },
      async (running) => {
        const symbols = options.symbols?.length ?? 1
        await eventually(() => running.store.interruptions().length === symbols)
        await body({ ...running, clock })
      },
      storeAt(clock),
    )
  }

const spansOf = (interruptions: readonly FeedInterrupted[]) =>
  interruptions.map(({ symbol, from, until, reason }) => [symbol, from, until, reason])

test(
  'before the first start nobody listened, to any symbol',
  withClock(
    async ({ store, server, clock }) => {
      server.send(tradeOf(1, clock.now()))
      await eventually(() => store.events().length === 1)
      assert.equal(spansOf(store.interruptions()), [
        ['AAPL', 0, clock.now(), 'not listened before'],
        ['AMD', 0, clock.now(), 'not listened before'],
      ])
      assert.is(orderOf(store).at(-1), 'AAPL 1')
    },
    { symbols: ['AAPL', 'AMD'] },
  ),
)

test(
  'while the feed is away the log says so, and when it is back until when',
  withClock(async ({ store, server, ingest, clock }) => {
    const startedAt = clock.now()
    await hold(clock, server, () => ingest.stats().messages > 0)
    server.send(tradeOf(1, clock.now()))
    await reads(store, ['AAPL 1'])
    const port = Number(new URL(server.url).port)
    await server.close()
    await reads(store, ['AAPL 1', 'AAPL disconnected…'])
    clock.pass(3_600_000)
    const again = await startScriptedFeed(undefined, { port })
    await reads(store, ['AAPL 1', 'AAPL disconnected…', 'AAPL disconnected'])
    again.send(tradeOf(2, clock.now()))
    await eventually(() => store.events().length === 2)
    const [, lost, ended] = store.interruptions()
    assert.equal([lost?.from, lost?.until], [ended?.from, null])
    assert.ok(Number(lost?.from) >= startedAt && Number(lost?.from) <= startedAt + lastingMs)
    assert.is(ended?.until, clock.now())
    const { received, interruptions, appended } = ingest.stats()
    assert.equal([received, interruptions, appended], [2, 3, 5])
    await ingest.stop({ timeoutMs: 1_000 })
    await again.close()
  }),
)

test(
  'a lost connection is an interruption of every symbol, before the trades that follow',
  withClock(
    async ({ store, server, ingest, clock }) => {
      const both = (p: number) => {
        for (const symbol of ['AAPL', 'AMD']) server.send(tradeOf(p, clock.now(), symbol))
      }
      await hold(clock, server, () => ingest.stats().messages > 0)
      both(1)
      await eventually(() => store.events().length === 2)
      server.sockets[0]?.terminate()
      await eventually(() => server.heard[1]?.length === 2)
      both(2)
      await eventually(() => store.events().length === 4)
      assert.equal(afterStart(store, 2), [
        ...['AAPL 1', 'AMD 1'],
        ...['AAPL disconnected…', 'AMD disconnected…'],
        ...['AAPL disconnected', 'AMD disconnected'],
        ...['AAPL 2', 'AMD 2'],
      ])
    },
    { symbols: ['AAPL', 'AMD'] },
  ),
)

test('a feed that accepts, says one word and closes is told as one interruption that stays open', async () => {
  const clock = startClock()
  const store = storeAt(clock)
  const server = await startScriptedFeed((socket, count) => {
    clock.pass(1_000)
    const frame = JSON.stringify(tradeOf(count, clock.now()))
    socket.send(frame, () => count === 30 || socket.terminate())
  })
  const ingest = startOn(store, server.url, { ...clock, pingEveryMs })
  await eventually(() => store.events().at(-1)?.price === '30')
  const firstWordAt = clock.now()
  await hold(clock, server, () => ingest.stats().feeds[0]?.problem === null)
  await eventually(() => store.interruptions().at(-1)?.until !== null)
  assert.equal(
    spansOf(store.interruptions()).map(([, , until]) => until !== null),
    // Before the first start; the first loss, which may be an accident; all the others.
    [true, false, true, false, true],
  )
  assert.is(store.interruptions().at(-1)?.until, firstWordAt)
  assert.ok(store.events().length > 1, 'what came in between is recorded as it was sent')
  assert.is(store.events().length, ingest.stats().received)
  await ingest.stop({ timeoutMs: 1_000 })
  await server.close()
})

test(
  'an outage, and hours of flapping after it, are three interruptions',
  withClock(async ({ store, server, ingest, clock }) => {
    await hold(clock, server, () => ingest.stats().messages > 0)
    for (let lost = 1; lost <= 20; lost++) {
      server.sockets.at(-1)?.terminate()
      await eventually(() => server.heard[lost]?.length === 1 && ingest.stats().isConnected)
      clock.pass(lastingMs / 2)
      const { messages } = ingest.stats()
      server.send({ type: 'ping' })
      await eventually(() => ingest.stats().messages > messages)
    }
    // The first connection that is lost early may be an accident.
    const lines = Array.from({ length: 3 }, () => ['AAPL disconnected…', 'AAPL disconnected'])
    await reads(store, lines.flat().slice(0, 5))
    await hold(clock, server, () => ingest.stats().feeds[0]?.problem === null)
    await reads(store, lines.flat())
    const froms = store.interruptions().map(({ from }) => from)
    assert.equal(
      froms,
      froms.toSorted((a, b) => a - b),
    )
  }),
)

test(
  'a dead socket is an interruption that says so',
  withClock(
    async ({ store }) => {
      await eventually(() => store.interruptions().length > 1)
      assert.is(store.interruptions()[1]?.reason, 'silent')
    },
    { pingEveryMs: 20 },
  ),
)

test(
  'a refused trade is an interruption of its symbol, before the trades that came with it',
  withClock(
    async ({ store, server, ingest, clock }) => {
      const [early, at] = [clock.now() - 3_000, clock.now()]
      clock.pass(500)
      server.send({
        type: 'trade',
        data: [
          { p: 1, s: 'AAPL', t: at, v: 1 },
          { p: 2, s: 'AAPL', t: at, v: -1 },
          { p: 3, s: 'AMD', t: at, v: 1 },
        ],
      })
      await eventually(() => store.events().length === 2)
      assert.equal(afterStart(store, 2), ['AAPL trades refused…', 'AAPL 1', 'AMD 3'])
      assert.is(store.interruptions().at(-1)?.from, at)
      clock.pass(1_000)
      server.send(tradeOf(0, early), { ...tradeOf(0, early), data: [{ s: 'AAPL', t: early }] })
      const arrivedAt = clock.now()
      await eventually(() => ingest.stats().rejected.invalid_price === 1)
      await hold(clock, server, () => ingest.stats().interruptions === 4)
      await eventually(() => ingest.stats().buffered === 0)
      const [, , , ended] = store.interruptions()
      assert.equal([ended?.from, ended?.until], [at, arrivedAt + 1])
    },
    { symbols: ['AAPL', 'AMD'] },
  ),
)

test(
  'thousands of refused trades are one interruption, which ends when no more are refused',
  withClock(async ({ store, server, ingest, clock }) => {
    const ahead = clock.now() + 3_600_000
    for (let i = 0; i < 5_000; i++) server.send(tradeOf(i, ahead + i))
    await eventually(() => ingest.stats().rejected.time_in_the_future === 5_000)
    const { problem, since } = ingest.stats().feeds[0] ?? {}
    assert.is(
      problem,
      "5000 trades or messages are refused (time_in_the_future): is this machine's clock right?",
    )
    assert.is(since, clock.now())
    await reads(store, ['AAPL trades refused…'])
    // The clock is set right.
    clock.set(ahead + 10_000)
    server.send(tradeOf(1, clock.now()))
    await eventually(() => ingest.stats().received === 1)
    await hold(clock, server, () => ingest.stats().feeds[0]?.problem === null)
    await reads(store, ['AAPL trades refused…', 'AAPL 1', 'AAPL trades refused'])
    assert.is(store.interruptions().at(-1)?.until, ahead + 5_000)
  }),
)

for (const [what, message] of [
  ['not JSON', 'garbage'],
  ['of another form', { kind: 'trade', payload: [] }],
  ['whose trades name no symbol', { type: 'trade', data: [{ p: 1, v: 1, t: 5 }] }],
  ['too large to be read', JSON.stringify({ type: 'trade', padding: 'x'.repeat(1_100_000) })],
] as const) {
  test(
    `a message ${what} is an interruption of every symbol: it may have had trades of any`,
    withClock(
      async ({ store, server, clock }) => {
        const at = clock.now()
        server.send(message)
        await eventually(() => store.interruptions().length === 4)
        assert.equal(
          spansOf(store.interruptions().slice(2)),
          ['AAPL', 'AMD'].map((symbol) => [symbol, at, null, 'trades refused']),
        )
      },
      { symbols: ['AAPL', 'AMD'] },
    ),
  )
}

test(
  'a message that cannot be read may have trades of any time since the one before it',
  withClock(async ({ store, server, clock }) => {
    const heardAt = clock.now()
    clock.pass(5_000)
    server.send('garbage')
    await eventually(() => store.interruptions().length === 2)
    assert.is(store.interruptions()[1]?.from, heardAt)
  }),
)

test(
  'a refused trade of a symbol that nobody subscribed to interrupts none',
  withClock(async ({ store, server, ingest, clock }) => {
    server.send({ ...tradeOf(1, clock.now(), 'TSLA'), data: [{ s: 'TSLA', t: 1 }] })
    server.send(tradeOf(2, clock.now()))
    await reads(store, ['AAPL 2'])
    assert.is(ingest.stats().rejected.invalid_price, 1)
  }),
)

test('an ingest that begins on a log with events says that none was running', async () => {
  const clock = startClock()
  const store = storeAt(clock)
  await store.append([trade({ executedAt: clock.now() })])
  const heardAt = clock.now()
  clock.pass(50_000)
  await withIngest(
    { ...clock, symbols: ['AAPL', 'AMD'] },
    async ({ server }) => {
      await eventually(() => store.interruptions().length === 2)
      server.send(tradeOf(2, clock.now()))
      await eventually(() => store.events().length === 2)
    },
    store,
  )
  assert.equal(orderOf(store).slice(1), [
    ...['AAPL ingest not running', 'AMD ingest not running'],
    'AAPL 2',
  ])
  for (const { from, until } of store.interruptions()) {
    assert.equal([from, until], [heardAt, clock.now()])
  }
})

test('a feed that the log knows nothing of was not heard since any feed was', async () => {
  const clock = startClock()
  const store = storeAt(clock)
  await store.append([trade({ executedAt: 5, source: 'file:0123456789abcdef:1' })])
  await withIngest(
    clock,
    async () => void (await eventually(() => store.interruptions().length === 1)),
    store,
  )
  assert.equal(spansOf(store.interruptions()), [['AAPL', 5, clock.now(), 'ingest not running']])
})

test('an interruption that an ingest left open is ended by the next, also if a kill cut it off', async () => {
  const clock = startClock()
  const store = storeAt(clock)
  const from = clock.now()
  await store.append([trade({ executedAt: from - 10 })])
  clock.pass(1_000)
  // Of AMD's interruption nothing is there, and the trade is older than the interruption.
  await store.append([interruption({ from, until: null }), trade({ executedAt: from - 5_000 })])
  clock.pass(1_000)
  await withIngest(
    { ...clock, symbols: ['AAPL', 'AMD'] },
    async () => void (await eventually(() => store.interruptions().length === 3)),
    store,
  )
  assert.equal(spansOf(store.interruptions().slice(1)), [
    ['AAPL', from, clock.now(), 'ingest not running'],
    ['AMD', from - 10, clock.now(), 'ingest not running'],
  ])
})

test('an interruption that was not recorded before the end is in the next one', async () => {
  const clock = startClock()
  const store = storeAt(clock)
  await store.append([interruption({ from: 1, until: 2 })])
  store.beforeAppend(away)
  await withIngest(
    clock,
    async ({ ingest }) => {
      await eventually(() => ingest.stats().buffered === 1)
    },
    store,
  )
  store.beforeAppend(async () => {})
  await withIngest(
    clock,
    async () => void (await eventually(() => store.interruptions().length === 2)),
    store,
  )
  assert.is(store.interruptions()[1]?.from, 2)
})

test(
  'an interruption waits for an event store that is away, and stays where it belongs',
  withClock(async ({ store, server, ingest, clock }) => {
    store.beforeAppend(away)
    server.send(tradeOf(1, clock.now()))
    await eventually(() => ingest.stats().buffered === 1)
    server.sockets[0]?.terminate()
    await eventually(() => ingest.stats().buffered === 3 && ingest.stats().isConnected)
    server.send(tradeOf(2, clock.now()))
    await eventually(() => ingest.stats().buffered === 4)
    store.beforeAppend(async () => {})
    await reads(store, ['AAPL 1', 'AAPL disconnected…', 'AAPL disconnected', 'AAPL 2'])
  }),
)

test.run()
