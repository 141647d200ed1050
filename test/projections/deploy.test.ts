import { setImmediate as nextTurn } from 'node:timers/promises'
import { defer, Subject } from 'rxjs'
import * as assert from 'uvu/assert'
import { hasCode } from '../../src/domain/errors.ts'
import { createQueue } from '../../src/projections/live/self-rebuild.ts'
import { type Projection, state } from '../../src/projections/projection.ts'
import { symbols } from '../../src/projections/read-models/symbols.ts'
import { dryRun } from '../../src/projections/replay/dry-run.ts'
import { replay } from '../../src/projections/replay/replay.ts'
import { rollback } from '../../src/projections/replay/rollback.ts'
import type { ProcessStatus } from '../../src/read-model-store/status.ts'
import { type Engine, startEngine } from '../support/engine.ts'
import { eventually } from '../support/eventually.ts'
import { silent } from '../support/silent.ts'
import { someTrades } from '../support/some-trades.ts'
import { suite } from '../support/suite.ts'

const test = suite('deploy of a new version')

/** The symbols model as its next version, which counts in dozens. */
const nextSymbols = state({
  name: 'symbols',
  version: 2,
  events: ['TradeExecuted'],
  keys: ({ event }) => [[event.symbol]],
  initial: () => ({ dozens: 0, trades: 0 }),
  evolve: ({ trades }) => ({ dozens: Math.floor((trades + 1) / 12), trades: trades + 1 }),
})

const optionsFor = ({ eventStore, readModelStore }: Engine, projection: Projection) => ({
  projections: [projection],
  eventStore,
  readModelStore,
  batchEventsMax: 100,
  logger: silent,
  signal: new AbortController().signal,
})

async function activeVersion({ readModelStore }: Engine) {
  const pointer = await readModelStore.pointer('symbols')
  return pointer && (await readModelStore.open(pointer.active)).info.version
}

async function engineWithVersion1(): Promise<Engine> {
  const engine = await startEngine()
  await engine.eventStore.append(someTrades(300))
  await replay(optionsFor(engine, symbols))
  return engine
}

const refusal = async (attempt: Promise<unknown>): Promise<unknown> =>
  attempt.then(
    () => undefined,
    (error: unknown) => error,
  )

test('a newer version of the code rebuilds the model by itself', async () => {
  const engine = await engineWithVersion1()
  engine.project([nextSymbols])
  await eventually(async () => (await activeVersion(engine)) === 2)
  await engine.eventStore.append(someTrades(100, 2))
  await engine.caughtUp(['symbols'])
  await engine.close()
})

test('rebuilds of one process run one at a time, also if one is given up', async () => {
  const enqueue = createQueue()
  const begun: string[] = []
  const work = (name: string) => {
    const end = new Subject<void>()
    const running = enqueue(
      defer(() => {
        begun.push(name)
        return end
      }),
    ).subscribe()
    return { end: () => end.complete(), giveUp: () => running.unsubscribe() }
  }
  const [first, second, third] = [work('first'), work('second'), work('third')]
  await eventually(() => begun.length > 0)
  second?.giveUp()
  await nextTurn()
  assert.equal(begun, ['first'])
  first?.end()
  await eventually(() => begun.length === 2)
  assert.equal(begun, ['first', 'third'])
  third?.giveUp()
  work('fourth')
  await eventually(() => begun.at(-1) === 'fourth')
})

test('older code stops at a newer generation and does not change it', async () => {
  const engine = await engineWithVersion1()
  await replay(optionsFor(engine, nextSymbols))
  const active = (await engine.readModelStore.pointer('symbols'))?.active
  engine.project([symbols])
  const status = await eventually(async () => {
    const [row] = await engine.readModelStore.statuses()
    const [model] = row?.status.kind === 'project' ? (row.status as ProcessStatus).models : []
    return model?.error && model
  })
  assert.is(status.state, 'stopped')
  assert.is(status.error?.code, 'VERSION_MISMATCH')
  assert.is((await engine.readModelStore.pointer('symbols'))?.active, active)
  await engine.close()
})

test('a rollback promotes the former generation, up to date, and stores the version left', async () => {
  const engine = await engineWithVersion1()
  await replay(optionsFor(engine, nextSymbols))
  await engine.eventStore.append(someTrades(100, 2))
  await rollback(optionsFor(engine, symbols))
  assert.is(await activeVersion(engine), 1)
  assert.is((await engine.readModelStore.pointer('symbols'))?.leftVersion, 2)
  assert.is((await engine.verified('symbols')).result, 'equal')
  await engine.close()
})

test('a version that was rolled back is not rebuilt until a replay', async () => {
  const engine = await engineWithVersion1()
  await replay(optionsFor(engine, nextSymbols))
  await rollback(optionsFor(engine, symbols))
  const role = engine.project([nextSymbols])
  await eventually(async () => (await role.readiness()).length > 0)
  assert.is(await activeVersion(engine), 1)
  await replay(optionsFor(engine, nextSymbols))
  assert.is(await activeVersion(engine), 2)
  assert.is((await engine.readModelStore.pointer('symbols'))?.leftVersion, null)
  await engine.close()
})

test('a rollback needs code of the former version, and a former generation', async () => {
  const engine = await engineWithVersion1()
  const noFormer = await refusal(rollback(optionsFor(engine, symbols)))
  assert.ok(hasCode(noFormer, 'NO_FORMER_GENERATION'))
  await replay(optionsFor(engine, nextSymbols))
  const wrong = await refusal(rollback(optionsFor(engine, nextSymbols)))
  assert.ok(hasCode(wrong, 'VERSION_MISMATCH'))
  assert.match(wrong.message, 'version 1')
  await engine.close()
})

test('a dry run reports what a replay would change, and changes nothing', async () => {
  const engine = await engineWithVersion1()
  const before = await engine.readModelStore.generations('symbols')
  const [same] = await dryRun(optionsFor(engine, symbols))
  assert.equal([same?.added, same?.removed, same?.changed], [0, 0, 0])
  const [other] = await dryRun(optionsFor(engine, nextSymbols))
  assert.is(other?.changed, 5)
  assert.ok(other?.first)
  assert.equal(await engine.readModelStore.generations('symbols'), before)
  await engine.close()
})

test.run()
