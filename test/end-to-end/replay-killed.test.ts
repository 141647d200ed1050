import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import { runTradelog, type Settings } from '../support/tradelog.ts'
import {
  assertEveryRowOnce,
  complete,
  eachRound,
  halfTheRounds,
  roundsTimeoutMs,
  startFlow,
  stopAll,
  verified,
} from './flow.ts'

const test = suite(`replay killed on ${storePair.name}`)
const rows = storePair.readModelStore === 'mongodb' ? 1_000 : 20_000
/** A dead holder's lease lasts up to 10 s: until then others are refused. */
const leaseMs = 30_000

async function commanded(args: readonly string[], settings: Settings) {
  const { code, stdout, stderr } = await runTradelog(args, settings)
  assert.is(code, 0, `${args}: ${stdout}${stderr}`)
}

/** Retries only while the lease of the killed process lasts. */
async function replayed(settings: Settings): Promise<void> {
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

test.run()
