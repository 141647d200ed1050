import * as assert from 'uvu/assert'
import { partitionOf } from '../../src/domain/partition.ts'
import { readModels } from '../../src/projections/read-models/index.ts'
import { dryRun } from '../../src/projections/replay/dry-run.ts'
import { replay } from '../../src/projections/replay/replay.ts'
import { skipOf } from '../../src/projections/skip.ts'
import type { ProcessStatus } from '../../src/read-model-store/status.ts'
import { type Engine, partitions, replayOptionsOf, startEngine } from '../support/engine.ts'
import { eventually } from '../support/eventually.ts'
import { failureOf } from '../support/failure.ts'
import { someTrades } from '../support/some-trades.ts'
import { suite } from '../support/suite.ts'
import { trade } from '../support/trade.ts'

const test = suite('skipping an event')

const why = { why: 'a test', at: 1 }
const partition = partitionOf('AAPL', partitions)

async function skip(engine: Engine, model: string, offset: number, of = partition) {
  const projection = readModels.find(({ name }) => name === model)
  assert.ok(projection)
  const target = { projection, partition: of, offset }
  const made = await skipOf(engine, target, why)
  assert.ok(await engine.readModelStore.addSkip(made))
}

const models = readModels.map(({ name }) => name)

const stoppedWith = (engine: Engine, code: string, count: number) =>
  eventually(async () => {
    const rows = await engine.readModelStore.statuses()
    const all = rows.flatMap(({ status }) =>
      status.kind === 'project' ? (status as ProcessStatus).models : [],
    )
    return (
      all.filter(({ state, error }) => state === 'stopped' && error?.code === code).length === count
    )
  })

async function equal(engine: Engine, skipped: (model: string) => number) {
  for (const model of models) {
    const { result, detail, eventsSkipped } = await engine.verified(model)
    assert.is(result, 'equal', `${model}: ${detail}`)
    assert.is(eventsSkipped, skipped(model), model)
  }
}

test('an unreadable event is skipped for each model: all continue and are right', async () => {
  const engine = await startEngine()
  await engine.eventStore.append([trade(), trade()])
  await engine.appendForeign('AAPL', { ...trade(), version: 99 })
  await engine.eventStore.append(someTrades(500))
  engine.project()
  await stoppedWith(engine, 'EVENT_UNREADABLE', models.length)
  for (const model of models) await skip(engine, model, 2)
  await engine.caughtUp()
  await equal(engine, () => 1)
  for (const { rows, added, removed, changed } of await dryRun(replayOptionsOf(engine))) {
    assert.equal([added, removed, changed], [0, 0, 0])
    assert.ok(rows >= 0)
  }
  await replay(replayOptionsOf(engine))
  await engine.caughtUp()
  await equal(engine, () => 1)
  await engine.close()
})

/** Readable, but the key is too long for every store. */
const unstorable = trade({ symbol: 'S'.repeat(2_000) })

test('an event whose fold throws is skipped only if the checkpoint is at it', async () => {
  const engine = await startEngine()
  await engine.eventStore.append([trade(), trade()])
  await engine.appendForeign('AAPL', unstorable)
  await engine.eventStore.append(someTrades(500))
  const early = await failureOf(skip(engine, 'symbols', 2))
  assert.is(early.code, 'SKIP_REFUSED')
  assert.match(early.message, 'not built yet')
  engine.project()
  const concerned = models.filter((model) => model !== 'interruptions')
  await stoppedWith(engine, 'EVENT_NOT_APPLICABLE', concerned.length)
  assert.match((await failureOf(skip(engine, 'symbols', 1))).message, 'it stands at 2')
  for (const model of concerned) await skip(engine, model, 2)
  await engine.caughtUp()
  await equal(engine, (model) => (concerned.includes(model) ? 1 : 0))
  await replay(replayOptionsOf(engine))
  await equal(engine, (model) => (concerned.includes(model) ? 1 : 0))
  await engine.close()
})

test('an event that this code can apply is not skipped, nor one that does not exist', async () => {
  const engine = await startEngine()
  await engine.eventStore.append([trade(), trade()])
  await engine.readModelStore.create({ model: 'symbols', version: 1, kind: 'state' })
  assert.match((await failureOf(skip(engine, 'symbols', 0))).message, 'can apply that event')
  assert.match((await failureOf(skip(engine, 'symbols', 2))).message, 'no event at offset 2')
  assert.match((await failureOf(skip(engine, 'symbols', 0, 9))).message, 'no partition 9')
  assert.equal(await engine.readModelStore.skips(), [])
  await engine.close()
})

test('without its skip, an event can not be verified, and a replay stops at it', async () => {
  const engine = await startEngine()
  await engine.eventStore.append([trade()])
  await engine.appendForeign('AAPL', { ...trade(), version: 99 })
  await engine.eventStore.append([trade()])
  for (const model of models) await skip(engine, model, 1)
  engine.project()
  await engine.caughtUp()
  const [first] = await engine.readModelStore.skips('symbols')
  assert.ok(first)
  await engine.readModelStore.removeSkip(first)
  assert.is((await engine.verified('symbols')).result, 'could not check')
  assert.is((await failureOf(replay(replayOptionsOf(engine)))).code, 'EVENT_UNREADABLE')
  await skip(engine, 'symbols', 1)
  await replay(replayOptionsOf(engine))
  await equal(engine, () => 1)
  await engine.close()
})

test.run()
