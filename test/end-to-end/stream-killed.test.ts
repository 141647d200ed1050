import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { get } from '../support/api-client.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { faultRounds } from '../support/random.ts'
import { storePair } from '../support/store-pair.ts'
import { followStream, type StreamFollower } from '../support/stream-follower.ts'
import { suite } from '../support/suite.ts'
import { runTradelog } from '../support/tradelog.ts'
import { complete, oneRound, startFlow, stopAll } from './flow.ts'

const test = suite(`a stream whose API is killed on ${storePair.name}`)
const rowsPerSecond = storePair.readModelStore === 'mongodb' ? 20 : 200
const rows = rowsPerSecond * (2 * faultRounds + 10)
const promotions = Math.ceil(faultRounds / 4)
const clients = 5

type Row = Readonly<{ symbol: string }>
type Page = Readonly<{ data: readonly Row[] }>

/** The state by plain requests to the API: the last price and the newest candle of every symbol. */
async function trueState(address: string) {
  const ticks = (await get<Page>(`${address}/api/v1/vwap`)).data.data
  const candles = new Map<string, Row>()
  for (const { symbol } of ticks) {
    const route = `${address}/api/v1/candles/${encodeURIComponent(symbol)}?interval=1m&limit=1`
    const [candle] = (await get<Page>(route)).data.data
    if (candle !== undefined) candles.set(symbol, { ...candle, symbol })
  }
  return { ticks: new Map(ticks.map((tick) => [tick.symbol, tick])), candles }
}

const sorted = (rowsBySymbol: ReadonlyMap<string, Row>): string =>
  JSON.stringify(
    [...rowsBySymbol.values()]
      .map((row) => Object.entries({ ...row, interval: null }).sort())
      .sort(),
  )

const endsAt = (truth: Awaited<ReturnType<typeof trueState>>, follower: StreamFollower) =>
  eventually(
    () =>
      sorted(follower.ticks) === sorted(truth.ticks) &&
      sorted(follower.candles) === sorted(truth.candles),
    { timeoutMs: 30_000 },
  ).catch((cause: unknown) => {
    const [is, should] = [follower.ticks, truth.ticks].map((of) => JSON.stringify([...of]))
    throw new Error(`a client ended at ${is}, not at ${should}`, { cause })
  })

test(
  `${clients} clients, ${faultRounds} kills, ${promotions} promotions: each ends at the true state, never back`,
  () =>
    oneRound(async ({ random, seed, start }) => {
      const flow = await startFlow({ rows, rowsPerSecond, seed })
      const port = await freePort()
      const settings = { ...flow.settings, API_PORT: String(port) }
      const roles = [start(['ingest'], settings), start(['project'], settings)]
      let api = start(['api'], settings)
      await api.address()
      const followers = Array.from({ length: clients }, () => followStream(port))
      for (let kill = 1; kill <= faultRounds; kill++) {
        const replay = kill % 4 === 1 ? runTradelog(['replay'], settings) : undefined
        await sleep(random() * 1_500)
        await api.kill('SIGKILL')
        api = start(['api'], settings)
        await api.address()
        const { code, stderr } = (await replay) ?? { code: 0, stderr: '' }
        assert.is(code, 0, stderr)
      }
      const address = await api.address()
      await complete(address, flow, 120_000)
      const truth = await trueState(address)
      for (const follower of followers) await endsAt(truth, follower)
      assert.equal(
        followers.flatMap(({ goneBack }) => goneBack),
        [],
      )
      assert.ok(followers.every(({ connections }) => connections() > 1))
      for (const follower of followers) await follower.close()
      await stopAll([...roles, api])
    }),
  { timeoutMs: 240_000 + faultRounds * 20_000 },
)

test.run()
