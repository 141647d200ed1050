import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { get } from '../support/api-client.ts'
import { eventually } from '../support/eventually.ts'
import { freshStores, storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import type { RunningTradelog } from '../support/tradelog.ts'
import { oneRound, type Round, stopAll, verified } from './flow.ts'

const test = suite(`interruptions of the feed on ${storePair.name}`)

const minuteMs = 60_000
const symbols = ['AAPL', 'MSFT']
const lengthsMs = { '1m': minuteMs, '5m': 5 * minuteMs, '1h': 60 * minuteMs }

type Interruption = Readonly<{ from: string; until: string | null; reason: string }>
type Candle = Readonly<{ start: string; complete: boolean | null; trade_count: number }>
type Page<T> = Readonly<{ data: readonly T[] }>

async function pageOf<T>(address: string, path: string): Promise<readonly T[]> {
  const { status, data } = await get<Page<T>>(`${address}/api/v1/${path}`)
  return status === 200 ? data.data : []
}

const interruptionsOf = (address: string, symbol: string) =>
  pageOf<Interruption>(address, `interruptions/${symbol}`)

const minutesOf = (address: string, symbol: string) =>
  pageOf<Candle>(address, `candles/${symbol}?limit=1000`)

/** A server of Finnhub's protocol that can be restarted at the same address. */
async function startFeed(start: typeof import('../support/tradelog.ts').startTradelog, port = '0') {
  const feed = start(['feed', '--port', port], { SIMULATED__TRADES_PER_SECOND: '20' })
  const urlOf = () => /ws:\/\/\S+/.exec(feed.stdout())?.[0]
  const url = (await eventually(urlOf, { timeoutMs: 30_000 })) ?? ''
  return { feed, url }
}

/** Waits until the next minute has begun and has some trades. */
async function intoNextMinute(address: string): Promise<void> {
  const [newest] = await minutesOf(address, 'AAPL')
  await eventually(
    async () => {
      const [now] = await minutesOf(address, 'AAPL')
      return now !== undefined && now.start !== newest?.start && now.trade_count > 50
    },
    { timeoutMs: 2 * minuteMs, everyMs: 200 },
  )
}

/** How long a connection has to last, if the one before did not, until the interruption ends. */
const holdsAfterMs = 2 * minuteMs

/** Waits until every symbol has so many interruptions, all ended; returns the newest of each. */
async function newestInterruptions(address: string, count: number) {
  const all = () => Promise.all(symbols.map((symbol) => interruptionsOf(address, symbol)))
  const isEnded = ({ until }: Interruption) => until !== null
  const areEnded = (each: readonly Interruption[]) => each.length === count && each.every(isEnded)
  await eventually(async () => (await all()).every(areEnded), {
    timeoutMs: holdsAfterMs + minuteMs,
    everyMs: 100,
  })
  return (await all()).flatMap(([newest]) => newest ?? [])
}

/** At once, but for a moment in which a projector is behind. */
const openCandleComplete = (address: string) =>
  eventually(async () => (await minutesOf(address, 'AAPL'))[0]?.complete === true)

/** Waits until the candles of now, which were complete, aren't; an earlier minute stays so. */
async function seenAsAway(address: string, earlier: Candle | undefined): Promise<void> {
  for (const interval of Object.keys(lengthsMs)) {
    const path = `candles/AAPL?interval=${interval}&limit=1`
    const isIncomplete = async () => (await pageOf<Candle>(address, path))[0]?.complete === false
    await eventually(isIncomplete, { timeoutMs: minuteMs, everyMs: 100 })
  }
  const minutes = await minutesOf(address, 'AAPL')
  assert.is(minutes.find(({ start }) => start === earlier?.start)?.complete, true)
}

function assertSpan(
  { from, until, reason }: Interruption,
  expected: { reason: string; lostAt: number; againAt: number },
): void {
  assert.is(reason, expected.reason)
  assert.ok(Date.parse(from) <= expected.lostAt, `${from} is after the loss`)
  assert.ok(Date.parse(until ?? '') >= expected.againAt, `${until} is before the return`)
}

/** Every candle is complete once all works again, if no interruption overlaps it. */
const assertCandles = (address: string) =>
  eventually(
    async () => {
      await compareCandles(address)
      return true
    },
    { timeoutMs: minuteMs, everyMs: 200 },
  )

async function compareCandles(address: string): Promise<void> {
  for (const symbol of symbols) {
    const interruptions = await interruptionsOf(address, symbol)
    for (const [interval, lengthMs] of Object.entries(lengthsMs)) {
      const path = `candles/${symbol}?interval=${interval}&limit=1000`
      for (const { start, complete } of await pageOf<Candle>(address, path)) {
        const from = Date.parse(start)
        const overlaps = (each: Interruption) =>
          Date.parse(each.until ?? '9999') > from && Date.parse(each.from) < from + lengthMs
        assert.is(complete, !interruptions.some(overlaps), `${symbol} ${interval} ${start}`)
      }
    }
  }
}

/** Of these minutes the newest is incomplete; those between it and the first start are not. */
async function assertOnlyNewestIncomplete(address: string, minutes: readonly Candle[]) {
  const now = await minutesOf(address, 'AAPL')
  const after = minutes.map(({ start }) => now.find((candle) => candle.start === start)?.complete)
  const [newest, ...between] = after.slice(0, -1)
  assert.is(newest, false)
  assert.ok(between.length > 0)
  assert.ok(between.every((complete) => complete === true))
}

/** Starts the feed, then every role on it, and waits until its trades are read. */
async function startRoles(start: Round['start']) {
  const { feed, url } = await startFeed(start)
  const stores = { ...freshStores(), SUBSCRIBED_SYMBOLS: symbols.join(',') }
  const settings = { ...stores, FEED: 'finnhub', FINNHUB__URL: url, FINNHUB__TOKEN: 'none' }
  const running: RunningTradelog[] = ['project', 'api'].map((role) => start([role], settings))
  const ingest = start(['ingest'], settings)
  const address = (await running[1]?.address()) ?? ''
  await reads(address, ingest)
  return { feed, url, stores, settings, running, ingest, address }
}

test(
  'candles are incomplete while the feed is lost, or ingest was killed, and so they stay',
  () =>
    oneRound(async ({ start }) => {
      const { feed, url, stores, settings, running, ingest, address } = await startRoles(start)
      for (const { reason, from } of await newestInterruptions(address, 1)) {
        assert.equal([reason, from], ['not listened before', '1970-01-01T00:00:00.000Z'])
      }
      await assertCandles(address)

      await intoNextMinute(address)
      await intoNextMinute(address)

      await openCandleComplete(address)
      const before = await minutesOf(address, 'AAPL')
      const lostAt = Date.now()
      await feed.kill('SIGKILL')
      await seenAsAway(address, before[1])
      const againAt = Date.now()
      const { feed: second } = await startFeed(start, new URL(url).port)
      for (const each of await newestInterruptions(address, 2)) {
        assertSpan(each, { reason: 'disconnected', lostAt, againAt })
      }
      await assertOnlyNewestIncomplete(address, before)
      await assertCandles(address)

      await intoNextMinute(address)
      await openCandleComplete(address)
      const killedAt = Date.now()
      await ingest.kill('SIGKILL')
      await seenAsAway(address, before[1])
      const startedAt = Date.now()
      const successor = start(['ingest'], settings)
      for (const each of await newestInterruptions(address, 3)) {
        assertSpan(each, { reason: 'ingest not running', lostAt: killedAt, againAt: startedAt })
      }
      await assertCandles(address)

      await stopAll([successor, ...running, second])
      await verified(stores)
    }),
  { timeoutMs: 12 * minuteMs },
)

/** Waits until every symbol has an interruption that covers this span, and may go on. */
const covered = (address: string, { lostAt, againAt }: { lostAt: number; againAt: number }) =>
  eventually(
    async () => {
      const all = await Promise.all(symbols.map((symbol) => interruptionsOf(address, symbol)))
      const covers = ({ from, until }: Interruption) =>
        Date.parse(from) <= lostAt && Date.parse(until ?? '9999') >= againAt
      return all.every((interruptions) => interruptions.some(covers))
    },
    { timeoutMs: minuteMs, everyMs: 100 },
  )

const reads = (address: string, running: RunningTradelog) =>
  eventually(
    async () => {
      if (running.process.exitCode !== null) throw new Error(running.stderr())
      return (await minutesOf(address, 'AAPL')).length > 0
    },
    { timeoutMs: minuteMs },
  )

test(
  'interruptions by a lost feed while ingest hangs, and by a takeover, begin before the loss',
  () =>
    oneRound(async ({ start }) => {
      const { feed, url, stores, settings, running, ingest, address } = await startRoles(start)

      // Ingest reads later what the feed still sends now; it must not count as received then.
      ingest.process.kill('SIGSTOP')
      await sleep(500)
      const lostAt = Date.now()
      await feed.kill('SIGKILL')
      const againAt = Date.now()
      const { feed: second } = await startFeed(start, new URL(url).port)
      ingest.process.kill('SIGCONT')
      await covered(address, { lostAt, againAt })

      const standby = start(['ingest'], settings)
      await eventually(() => standby.stderr().includes('stands by'), { timeoutMs: minuteMs })
      const killedAt = Date.now()
      await ingest.kill('SIGKILL')
      await covered(address, { lostAt: killedAt, againAt: killedAt })
      await assertCandles(address)
      await stopAll([standby, ...running, second])
      await verified(stores)
    }),
  { timeoutMs: 5 * minuteMs },
)

test.run()
