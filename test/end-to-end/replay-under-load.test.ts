import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { get, type TradesPage, tradeCounts } from '../support/api-client.ts'
import { eventually } from '../support/eventually.ts'
import { freshStores, storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import { runTradelog, startTradelog } from '../support/tradelog.ts'

/** The stand-in for MongoDB scans its collections: it gets a trickle. */
const { tradesPerSecond, requestsPerSecond } =
  storePair.readModelStore === 'embedded'
    ? { tradesPerSecond: 5_000, requestsPerSecond: 200 }
    : { tradesPerSecond: 50, requestsPerSecond: 2 }

const test = suite(`replay under load on ${storePair.name}`)

const symbols = ['AAPL', 'GOOGL', 'TSLA', 'MSFT', 'NVDA', 'AMD']
const routes = symbols.flatMap((symbol) => [
  `/api/v1/trades/${symbol}?limit=15`,
  `/api/v1/candles/${symbol}?interval=1m`,
  `/api/v1/vwap/${symbol}`,
])

/** A machine too slow for the rate gets fewer requests instead of an endless queue. */
const openMax = 50

/** Asks the API at a steady rate until `end`; collects every latency and every failure. */
function readers(address: string) {
  const latenciesMs: number[] = []
  const failures: string[] = []
  const asked: Promise<void>[] = []
  let open = 0
  const ask = async (route: string) => {
    const from = performance.now()
    open += 1
    const { status } = await get(address + route).catch(() => ({ status: 0 }))
    open -= 1
    latenciesMs.push(performance.now() - from)
    if (status !== 200) failures.push(`${route} answered ${status}`)
  }
  const timer = setInterval(() => {
    if (open >= openMax) return
    asked.push(ask(routes[asked.length % routes.length] ?? ''))
  }, 1_000 / requestsPerSecond)
  return {
    latenciesMs,
    failures,
    end: async () => {
      clearInterval(timer)
      await Promise.all(asked)
    },
  }
}

/** Walks back through the trades, page by page, while read models are replaced. */
async function walkDuring(address: string, symbol: string, isOver: () => boolean) {
  const times: string[] = []
  let cursor = ''
  while (!isOver()) {
    const { status, data } = await get<TradesPage>(
      `${address}/api/v1/trades/${symbol}?limit=10${cursor}`,
    )
    assert.is(status, 200)
    times.push(...data.data.map(({ timestamp }) => timestamp))
    if (data.pagination.next_cursor === null) break
    cursor = `&before=${data.pagination.next_cursor}`
    await sleep(1_000 / requestsPerSecond)
  }
  return times
}

type ReadModels = Readonly<{ data: readonly Readonly<{ lag: number | null; state: string }>[] }>

/** Polls the lag of the live read models until `isOver`; returns the largest. */
async function watchLag(address: string, isOver: () => boolean) {
  let max = 0
  while (!isOver()) {
    const { data } = await get<ReadModels>(`${address}/api/v1/read-models`)
    max = Math.max(max, ...data.data.map(({ lag }) => lag ?? 0))
    await sleep(500)
  }
  return max
}

async function allCaughtUp(address: string) {
  const { data } = await get<ReadModels>(`${address}/api/v1/read-models`)
  return data.data.every(({ state }) => state === 'caught up')
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

test(
  'no request fails, no walk breaks and nothing is lost while every model is rebuilt',
  async () => {
    const settings = {
      ...freshStores(),
      SIMULATED__TRADES_PER_SECOND: String(tradesPerSecond),
      // No request may fail, but on a busy machine one may be slow.
      TIMEOUTS__API_REQUEST: '30s',
    }
    const tradelog = startTradelog(['start'], settings)
    const address = await tradelog.address()
    await eventually(async () => {
      const counts = await tradeCounts(address)
      return symbols.every((symbol) => (counts.get(symbol) ?? 0) > tradesPerSecond / 10)
    })

    const idle = readers(address)
    await sleep(3_000)
    await idle.end()

    const busy = readers(address)
    let isOver = false
    const walk = walkDuring(address, 'AAPL', () => isOver)
    const lag = watchLag(address, () => isOver)
    const replay = await runTradelog(['replay'], settings)
    isOver = true
    const walked = await walk
    await busy.end()

    assert.is(replay.code, 0, replay.stdout + replay.stderr)
    assert.equal([...idle.failures, ...busy.failures], [])
    assert.equal(walked, [...walked].sort().reverse(), 'newest first, through the promotion')
    const medians = [median(idle.latenciesMs), median(busy.latenciesMs)] as const
    process.stdout.write(
      `median latency: idle ${medians[0].toFixed(1)} ms, during replay ${medians[1].toFixed(1)} ms ` +
        `(${(medians[1] / medians[0]).toFixed(1)} times) over ${busy.latenciesMs.length} requests; ` +
        `live read models were at most ${await lag} events behind\n`,
    )
    await eventually(() => allCaughtUp(address), { everyMs: 200 })
    const verified = await runTradelog(['verify'], settings)
    assert.is(verified.code, 0, verified.stdout + verified.stderr)
    await tradelog.kill('SIGTERM')
    assert.is(await tradelog.exit(), 0, tradelog.stderr())
  },
  { timeoutMs: 180_000 },
)

test.run()
