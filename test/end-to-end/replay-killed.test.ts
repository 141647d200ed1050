import { setTimeout as sleep } from 'node:timers/promises'
import { MongoClient } from 'mongodb'
import * as assert from 'uvu/assert'
import { storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import { runTradelog, type Settings } from '../support/tradelog.ts'
import {
  assertEveryRowOnce,
  complete,
  eachRound,
  halfTheRounds,
  oneRound,
  roundsTimeoutMs,
  startFlow,
  stopAll,
  verified,
} from './flow.ts'

const test = suite(`replay killed on ${storePair.name}`)
const rows = storePair.readModelStore === 'mongodb' ? 1_000 : 20_000
/** A dead holder's lease lasts up to 10 s: until then others are refused. */
const leaseMs = 30_000

const commanded = async (args: readonly string[], settings: Settings) => {
  const { code, stdout, stderr } = await runTradelog(args, settings)
  assert.is(code, 0, `${args}: ${stdout}${stderr}`)
}

/** Asks again for as long as the lease of a killed process lasts, and only then. */
const replayed = async (settings: Settings): Promise<void> => {
  const end = Date.now() + leaseMs
  for (;;) {
    const { code, stdout, stderr } = await runTradelog(['replay'], settings)
    if (code === 0) return
    assert.match(stderr, 'LEASE_HELD', `${stdout}${stderr}`)
    assert.ok(Date.now() < end, stderr)
    await sleep(1_000)
  }
}

test(
  `a replay killed at random moments is run again, and rolled back: ${halfTheRounds} rounds`,
  () =>
    eachRound(async ({ random, seed, start }) => {
      const flow = await startFlow({ rows, rowsPerSecond: 'max', seed })
      const tradelog = start(['start'], flow.settings)
      const address = await tradelog.address()
      await complete(address, flow)
      const killed = start(['replay'], flow.settings)
      await sleep(random() * 3_000)
      await killed.kill('SIGKILL')
      await verified(flow.settings)
      await replayed(flow.settings)
      await verified(flow.settings)
      await commanded(['replay', '--rollback'], flow.settings)
      await verified(flow.settings)
      await assertEveryRowOnce(address, flow.totals)
      await stopAll([tradelog])
    }, halfTheRounds),
  { timeoutMs: roundsTimeoutMs(150_000) },
)

const handTitle = 'a row changed by hand is found by verify, and mended by replay'

/** Adds a trade to the count of one symbol, behind everybody's back. */
const falsify = async (settings: Settings): Promise<void> => {
  const client = await MongoClient.connect(settings.MONGODB__URL ?? '')
  const db = client.db(settings.MONGODB__DATABASE_NAME)
  const pointers = db.collection<{ _id: string; active: string }>('tradelog_read_models')
  const { active = '' } = (await pointers.findOne({ _id: 'symbols' })) ?? {}
  const { matchedCount } = await db
    .collection(active)
    .updateOne({ symbol: 'AAPL' }, { $inc: { tradeCount: 1 } })
  await client.close()
  assert.is(matchedCount, 1)
}

if (storePair.readModelStore === 'mongodb') {
  test(
    handTitle,
    () =>
      oneRound(async ({ seed, start }) => {
        const flow = await startFlow({ rows, rowsPerSecond: 'max', seed })
        const tradelog = start(['start'], flow.settings)
        await complete(await tradelog.address(), flow)
        await falsify(flow.settings)
        const { code, stdout } = await runTradelog(['verify'], flow.settings)
        assert.is(code, 1, stdout)
        assert.match(stdout, /symbols: DIFFERENT .*AAPL/s)
        await commanded(['replay', '--model', 'symbols'], flow.settings)
        await verified(flow.settings)
        await stopAll([tradelog])
      }),
    { timeoutMs: 120_000 },
  )
} else {
  test.skip(handTitle, 'the embedded store is not changed by hand')
}

test.run()
