import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { get, tradeCounts, walkTrades } from '../support/api-client.ts'
import { eventually } from '../support/eventually.ts'
import { faultRounds, seededRandom, testSeed } from '../support/random.ts'
import { freshStores, storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { type TradeFileTotals, writeTradeFile } from '../support/trade-file.ts'
import {
  type RunningTradelog,
  runTradelog,
  type Settings,
  startTradelog,
} from '../support/tradelog.ts'

const rows = 20_000
const test = suite(`main job on ${storePair.name}`)

const tradeFile = async () => {
  const path = join(temporaryDirectory(), 'trades.csv')
  return { path, totals: await writeTradeFile(path, { rows, seed: testSeed }) }
}

const playing = (path: string): Settings => ({
  ...freshStores(),
  FEED: 'file',
  FILE__PATH: path,
  FILE__SPEED: 'max',
})

const isComplete = async (address: string, { bySymbol }: TradeFileTotals) => {
  const counts = await tradeCounts(address)
  return [...bySymbol].every(([symbol, { tradeCount }]) => counts.get(symbol) === tradeCount)
}

const verified = async (settings: Settings) => {
  const { code, stdout, stderr } = await runTradelog(['verify'], { ...settings, FEED: 'none' })
  assert.is(code, 0, `${stdout}${stderr}`)
}

/** Every row of the file is in the trades, once: `source` names the row. */
const assertEveryRowOnce = async (address: string, { bySymbol }: TradeFileTotals) => {
  const sources = new Set<string>()
  let trades = 0
  for (const symbol of bySymbol.keys()) {
    for (const { source } of await walkTrades(address, symbol)) {
      sources.add(source)
      trades += 1
    }
  }
  assert.is(trades, rows)
  assert.is(sources.size, rows)
}

test('the simulated feed is served within seconds, with nothing set up', async () => {
  const tradelog = startTradelog(['start'], freshStores())
  const address = await tradelog.address()
  await eventually(async () => (await tradeCounts(address)).size >= 6)
  const page = await get(`${address}/api/v1/trades/AAPL`)
  assert.is(page.status, 200)
  await tradelog.kill('SIGTERM')
  assert.is(await tradelog.exit(), 0, tradelog.stderr())
})

test(
  'a file played at full speed is served exactly, and verifies',
  async () => {
    const { path, totals } = await tradeFile()
    const settings = playing(path)
    const tradelog = startTradelog(['start'], settings)
    const address = await tradelog.address()
    await eventually(() => isComplete(address, totals), { timeoutMs: 60_000 })
    await assertEveryRowOnce(address, totals)
    await tradelog.kill('SIGTERM')
    await verified(settings)
  },
  { timeoutMs: 120_000 },
)

test(
  'SIGTERM under load exits with 0, and the next start goes on where it was',
  async () => {
    const { path, totals } = await tradeFile()
    const settings = playing(path)
    const first = startTradelog(['start'], settings)
    const address = await first.address()
    await eventually(async () => (await tradeCounts(address)).size > 0)
    await first.kill('SIGTERM')
    assert.is(await first.exit(), 0, first.stderr())
    const second = startTradelog(['start'], settings)
    const again = await second.address()
    await eventually(() => isComplete(again, totals), { timeoutMs: 60_000 })
    await second.kill('SIGTERM')
    await verified(settings)
  },
  { timeoutMs: 120_000 },
)

test(
  `the whole process killed at ${faultRounds} random moments loses and doubles nothing`,
  async () => {
    const random = seededRandom(testSeed)
    const { path, totals } = await tradeFile()
    const settings = playing(path)
    for (let round = 0; round < faultRounds; round++) {
      const tradelog = startTradelog(['start'], settings)
      await tradelog.address()
      await new Promise((resolve) => setTimeout(resolve, random() * 1_500))
      await tradelog.kill('SIGKILL')
    }
    const last = startTradelog(['start'], settings)
    const address = await last.address()
    await eventually(() => isComplete(address, totals), { timeoutMs: 60_000 })
    await assertEveryRowOnce(address, totals)
    await last.kill('SIGTERM')
    await verified(settings)
  },
  { timeoutMs: 120_000 + faultRounds * 10_000 },
)

test(
  `each role killed at ${faultRounds} random moments loses and doubles nothing`,
  async () => {
    const random = seededRandom(testSeed + 1)
    const { path, totals } = await tradeFile()
    const settings = playing(path)
    const names = ['ingest', 'project', 'api'] as const
    const roles = new Map<string, RunningTradelog>()
    for (const name of names) roles.set(name, startTradelog([name], settings))
    for (let round = 0; round < faultRounds; round++) {
      const name = names[Math.floor(random() * names.length)] ?? 'project'
      await new Promise((resolve) => setTimeout(resolve, random() * 1_000))
      await roles.get(name)?.kill('SIGKILL')
      roles.set(name, startTradelog([name], settings))
    }
    const address = (await roles.get('api')?.address()) ?? ''
    await eventually(() => isComplete(address, totals), { timeoutMs: 60_000 })
    await assertEveryRowOnce(address, totals)
    for (const role of roles.values()) await role.kill('SIGTERM')
    for (const [name, role] of roles) assert.is(await role.exit(), 0, `${name}: ${role.stderr()}`)
    await verified(settings)
  },
  { timeoutMs: 120_000 + faultRounds * 10_000 },
)

test.run()
