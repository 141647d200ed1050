import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { get } from '../support/api-client.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { startRefusingFeed } from '../support/refusing-feed.ts'
import { scrapeUrl } from '../support/scrape.ts'
import { embeddedStores, freshStores, storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import type { RunningTradelog, Settings } from '../support/tradelog.ts'
import { logOf, oneRound, type Round, stopAll } from './flow.ts'

const test = suite(`what the API knows of the feed on ${storePair.name}`)
const limit = { timeoutMs: 180_000 }
const waiting = { timeoutMs: 60_000, everyMs: 100 }

type Feeds = Readonly<{
  data: readonly Readonly<{ source: string; state: string | null; problem: string | null }>[]
  ingest: Readonly<{ state: string; problems: readonly Readonly<{ part: string }>[] }>
}>

const feedsOf = async (address: string) => (await get<Feeds>(`${address}/api/v1/feeds`)).data

/** The state of ingest, then that of each feed. */
async function statesOf(address: string) {
  const { data, ingest } = await feedsOf(address)
  return [ingest.state, ...data.map(({ state }) => state)].join(' ')
}

const states = (address: string, wanted: string) =>
  eventually(async () => {
    const now = await statesOf(address)
    if (now !== wanted) throw new Error(`${now}, not ${wanted}`)
    return true
  }, waiting)

/** The parts that the API's own port says are not ready; models may still be catching up. */
async function unreadyParts(address: string): Promise<readonly string[]> {
  const response = await fetch(`${address}/readyz`)
  if (response.status === 200) return []
  const { error } = (await response.json()) as {
    error: { reasons: readonly { part: string }[] }
  }
  return error.reasons.map(({ part }) => part)
}

const notReadyFor = (address: string, wanted: readonly string[]) =>
  eventually(async () => {
    const parts = await unreadyParts(address)
    if (parts.join() !== wanted.join()) throw new Error(`not ready: ${parts.join()}`)
    return true
  }, waiting)

/** Every role, in one process or each in its own; the last one is the API. */
const ways = [
  { name: 'in one process', roles: [['start']] },
  { name: 'in three processes', roles: [['ingest'], ['project'], ['api']] },
] as const

async function startRoles({ start }: Round, { roles }: (typeof ways)[number], settings: Settings) {
  const running: RunningTradelog[] = roles.map((role) => start(role, settings))
  return { running, address: (await running.at(-1)?.address()) ?? '' }
}

const finnhubAt = (url: string): Settings => ({
  ...freshStores(),
  FEED: 'finnhub',
  FINNHUB__URL: url,
  FINNHUB__TOKEN: 'a-secret-token',
})

for (const way of ways) {
  test(
    `a feed that refuses the token (401, 429) makes the API unready, ${way.name}`,
    () =>
      oneRound(async (round) => {
        for (const status of [401, 429] as const) {
          const feed = await startRefusingFeed(status)
          const { running, address } = await startRoles(round, way, finnhubAt(feed.url))
          await notReadyFor(address, ['feed'])
          await states(address, 'active disconnected')
          await eventually(async () => (await feedsOf(address)).data[0]?.problem !== null, waiting)
          const said = JSON.stringify([
            await feedsOf(address),
            await (await fetch(`${address}/readyz`)).json(),
          ])
          assert.match(said, String(status))
          assert.not.match(said, 'a-secret-token')
          const value = await scrapeUrl(`${address}/metrics`)
          assert.is(value('tradelog_api_ready'), 0)
          assert.is(value('tradelog_api_feed_state{feed="finnhub",state="disconnected"}'), 1)
          await stopAll(running)
          await feed.close()
        }
      }),
    limit,
  )

  test(
    `a feed at whose address nothing listens makes the API unready, ${way.name}`,
    () =>
      oneRound(async (round) => {
        const settings = finnhubAt(`ws://127.0.0.1:${await freePort()}`)
        const { running, address } = await startRoles(round, way, settings)
        await notReadyFor(address, ['feed'])
        await states(address, 'active disconnected')
        await stopAll(running)
      }),
    limit,
  )

  test(
    `a file that has been played is said to be, ${way.name}`,
    () =>
      oneRound(async (round) => {
        const path = join(temporaryDirectory(), 'trades.csv')
        const row = 'AAPL,196.38,265,1763645583544,1;12'
        writeFileSync(path, `symbol,price,volume,timestamp_ms,conditions\n${row}\n`)
        const settings = { ...freshStores(), FEED: 'file', FILE__PATH: path, FILE__SPEED: 'max' }
        const { running, address } = await startRoles(round, way, settings)
        await states(address, 'active played')
        await notReadyFor(address, [])
        await stopAll(running)
      }),
    limit,
  )
}

test(
  'no feed by the settings is said, and the API is ready, with and without a process that says so',
  () =>
    oneRound(async (round) => {
      const settings = { ...freshStores(), FEED: 'none' }
      const { running, address } = await startRoles(round, ways[0], settings)
      await states(address, 'no feed')
      await notReadyFor(address, [])
      await stopAll(running)
      const roles = ['project', 'api'].map((role) => round.start([role], settings))
      const alone = (await roles[1]?.address()) ?? ''
      await notReadyFor(alone, [])
      assert.is(await statesOf(alone), 'no feed')
      await stopAll(roles)
    }),
  limit,
)

test(
  'without ingest the API is not ready; nor when ingest was killed, until another one runs',
  () =>
    oneRound(async ({ start }) => {
      const settings = { ...freshStores(), FEED: 'simulated' }
      const roles = ['project', 'api'].map((role) => start([role], settings))
      const address = (await roles[1]?.address()) ?? ''
      await notReadyFor(address, ['ingest'])
      assert.is(await statesOf(address), 'not reported')
      const first = start(['ingest'], settings)
      await notReadyFor(address, [])
      assert.is(await statesOf(address), 'active connected')
      await first.kill('SIGKILL')
      await notReadyFor(address, ['ingest'])
      assert.is(await statesOf(address), 'not reported ')
      const second = start(['ingest'], settings)
      await notReadyFor(address, [])
      await states(address, 'active connected')
      await stopAll([second])
      await states(address, 'stopped ')
      await stopAll(roles)
    }),
  limit,
)

test(
  'while an ingest takes over from one that is stopped, the API misses none',
  () =>
    oneRound(async ({ start }) => {
      const settings = { ...freshStores(), FEED: 'simulated' }
      const roles = ['project', 'api'].map((role) => start([role], settings))
      const address = (await roles[1]?.address()) ?? ''
      const first = start(['ingest'], settings)
      const isActive = (ingest: RunningTradelog) =>
        logOf(ingest).some(({ state }) => state === 'active')
      await eventually(() => isActive(first), waiting)
      const second = start(['ingest'], settings)
      await eventually(() => logOf(second).some(({ state }) => state === 'standing by'), waiting)
      await notReadyFor(address, [])
      await states(address, 'active connected')
      let isOver = false
      const missing: string[] = []
      const watching = (async () => {
        while (!isOver) missing.push(...(await unreadyParts(address)))
      })()
      await stopAll([first])
      await eventually(() => isActive(second), waiting)
      await states(address, 'active connected')
      isOver = true
      await watching
      // The successor may be seen while it connects.
      assert.equal(
        missing.filter((part) => part !== 'feed'),
        [],
      )
      await stopAll([second, ...roles])
    }),
  limit,
)

test(
  'ingest goes on, and stops in time, while the store of read models is away',
  () =>
    oneRound(async ({ start }) => {
      const port = await freePort()
      const ingest = start(['ingest'], {
        ...embeddedStores(),
        FEED: 'simulated',
        MONGODB__URL: `mongodb://127.0.0.1:${await freePort()}`,
        OPERATIONS_PORT: String(port),
      })
      const operations = `http://127.0.0.1:${port}`
      const warnings = () => logOf(ingest).filter(({ msg }) => msg.includes('status of ingest'))
      await eventually(() => warnings().length > 0, waiting)
      const appended = async () =>
        Number((await scrapeUrl(`${operations}/metrics`))('tradelog_ingest_events_appended_total'))
      await eventually(async () => (await appended()) > 100, waiting)
      assert.is((await fetch(`${operations}/readyz`)).status, 200)
      assert.is(warnings().length, 1)
      await stopAll([ingest])
    }),
  limit,
)

test.run()
