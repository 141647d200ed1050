import * as assert from 'uvu/assert'
import { readModels } from '../../src/projections/read-models/index.ts'
import { get } from '../support/api-client.ts'
import { eventually } from '../support/eventually.ts'
import { appendRaw } from '../support/raw-log.ts'
import { storePair } from '../support/store-pair.ts'
import { suite } from '../support/suite.ts'
import { trade } from '../support/trade.ts'
import { runTradelog, type Settings } from '../support/tradelog.ts'
import { appliedAll, complete, logOf, oneRound, startFlow, stopAll, verified } from './flow.ts'

const test = suite(`events that cannot be applied on ${storePair.name}`)
const rows = 300
const longSymbol = 'S'.repeat(2_000)
const names = readModels.map(({ name }) => name)
/** The other models ignore trades. */
const ofTrades = names.filter((name) => name !== 'interruptions')

type Position = Readonly<{ partition: number; offset: number }>
type Model = Readonly<{ name: string; state: string; error: { code: string; message: string } }>

/** The API and its readiness say of each model that it stopped at this event. */
async function stoppedAt(
  address: string,
  models: readonly string[],
  { partition, offset }: Position,
  code: string,
) {
  const position = `partition ${partition}, offset ${offset}`
  const isStopped = async () => {
    const { data } = await get<{ data: readonly Model[] }>(`${address}/api/v1/read-models`)
    return data.data.filter(({ name, state, error }) => {
      const isHere = state === 'stopped' && error.code === code && error.message.includes(position)
      return models.includes(name) && isHere
    }).length
  }
  const all = async () => (await isStopped()) === models.length
  await eventually(all, { timeoutMs: 90_000, everyMs: 200 })
  const ready = await fetch(`${address}/readyz`)
  assert.is(ready.status, 503)
  const text = await ready.text()
  for (const model of models) assert.match(text, `${code}: ${model} stopped at ${position}`)
}

async function commanded(args: readonly string[], settings: Settings, exitCode = 0) {
  const { code, stdout, stderr } = await runTradelog(args, { ...settings, FEED: 'none' })
  assert.is(code, exitCode, `${args}: ${stdout}${stderr}`)
  return stdout + stderr
}

const skipped = (models: readonly string[], { partition, offset }: Position) =>
  models.map((model) => `${model}:${partition}:${offset}`)

test(
  'models stop, say so everywhere, skip, continue, and are right, also after a replay',
  () =>
    oneRound(async ({ seed, start }) => {
      const flow = await startFlow({ rows, rowsPerSecond: 'max', seed })
      const { settings } = flow
      const tradelog = start(['start'], settings)
      const address = await tradelog.address()
      await complete(address, flow)

      const unreadable = await appendRaw(settings, 'AAPL', 'hello')
      await stoppedAt(address, names, unreadable, 'EVENT_UNREADABLE')
      assert.is((await get(`${address}/api/v1/symbols`)).status, 200)
      assert.match(await commanded(['replay'], settings, 2), 'EVENT_UNREADABLE')
      const stops = logOf(tradelog).filter(({ err }) => err?.code === 'EVENT_UNREADABLE')
      assert.ok(stops.length >= names.length)

      const first = skipped(names, unreadable)
      await commanded(['skip', ...first, '--why', 'written by hand'], settings)
      const unstorable = await appendRaw(settings, longSymbol, trade({ symbol: longSymbol }))
      await appendRaw(settings, 'AAPL', trade())
      await stoppedAt(address, ofTrades, unstorable, 'EVENT_NOT_APPLICABLE')
      await commanded(['skip', ...skipped(ofTrades, unstorable), '--why', 'too long'], settings)
      await appliedAll(address, rows + 1, 90_000)
      await eventually(async () => (await fetch(`${address}/readyz`)).status === 200)
      assert.match(await commanded(['skip', '--list'], settings), 'written by hand')

      const proof = await commanded(['verify'], settings)
      assert.match(proof, /trades: equal to the log .*2 events skipped/)
      await commanded(['replay'], settings)
      assert.match(await commanded(['replay', '--dry-run'], settings), '0 changed')
      await verified(settings)
      await appliedAll(address, rows + 1, 90_000)
      await stopAll([tradelog])
    }),
  { timeoutMs: 300_000 },
)

test.run()
