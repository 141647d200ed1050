import * as assert from 'uvu/assert'
import { get, tradeCounts } from '../support/api-client.ts'
import { eventually } from '../support/eventually.ts'
import { faultRounds, seededRandom, testSeed } from '../support/random.ts'
import { freshStores, storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import { type RunningTradelog, startTradelog } from '../support/tradelog.ts'
import { assertEveryRowOnce, complete, startFlow, stopAll, verified } from './flow.ts'

/** The stand-in for MongoDB scans a collection for nearly every query. */
const rows = storePair.readModelStore === 'mongodb' ? 1_200 : 20_000
const test = suite(`main job on ${storePair.name}`)

const playing = () => startFlow({ rows, rowsPerSecond: 'max', seed: testSeed })

test('the simulated feed is served within seconds, without any setup', async () => {
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
    const flow = await playing()
    const { settings, totals } = flow
    const tradelog = startTradelog(['start'], settings)
    const address = await tradelog.address()
    await complete(address, flow)
    await assertEveryRowOnce(address, totals)
    await tradelog.kill('SIGTERM')
    await verified(settings)
  },
  { timeoutMs: 240_000 },
)

test(
  'SIGTERM under load exits with 0, and the next start continues where it was',
  async () => {
    const flow = await playing()
    const { settings } = flow
    const first = startTradelog(['start'], settings)
    const address = await first.address()
    await eventually(async () => (await tradeCounts(address)).size > 0)
    await first.kill('SIGTERM')
    assert.is(await first.exit(), 0, first.stderr())
    const second = startTradelog(['start'], settings)
    const again = await second.address()
    await complete(again, flow)
    await second.kill('SIGTERM')
    await verified(settings)
  },
  { timeoutMs: 240_000 },
)

test(
  `the whole process killed at ${faultRounds} random moments loses and doubles nothing`,
  async () => {
    const random = seededRandom(testSeed)
    const flow = await playing()
    const { settings, totals } = flow
    for (let round = 0; round < faultRounds; round++) {
      const tradelog = startTradelog(['start'], settings)
      await tradelog.address()
      await new Promise((resolve) => setTimeout(resolve, random() * 1_500))
      await tradelog.kill('SIGKILL')
    }
    const last = startTradelog(['start'], settings)
    const address = await last.address()
    await complete(address, flow)
    await assertEveryRowOnce(address, totals)
    await last.kill('SIGTERM')
    await verified(settings)
  },
  { timeoutMs: 240_000 + faultRounds * 10_000 },
)

test(
  `each role killed at ${faultRounds} random moments loses and doubles nothing`,
  async () => {
    const random = seededRandom(testSeed + 1)
    const flow = await playing()
    const { settings, totals } = flow
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
    await complete(address, flow)
    await assertEveryRowOnce(address, totals)
    await stopAll(roles.values())
    await verified(settings)
  },
  { timeoutMs: 240_000 + faultRounds * 10_000 },
)

test.run()
