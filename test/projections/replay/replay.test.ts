import * as assert from 'uvu/assert'
import { hasCode } from '../../../src/domain/errors.ts'
import { readModels } from '../../../src/projections/read-models/index.ts'
import { type ReplayOptions, replay } from '../../../src/projections/replay/replay.ts'
import { rollback } from '../../../src/projections/replay/rollback.ts'
import type { Pointer, ReadModelStore } from '../../../src/read-model-store/read-model-store.ts'
import { type Engine, replayOptionsOf, startEngine } from '../../support/engine.ts'
import { eventually } from '../../support/eventually.ts'
import { someTrades } from '../../support/some-trades.ts'
import { suite } from '../../support/suite.ts'
import { interruption } from '../../support/trade.ts'

const test = suite('replay')

const rebuild = (engine: Engine, options: Partial<ReplayOptions> = {}) =>
  replay({ ...replayOptionsOf(engine), ...options })

const unexpected = () => assert.unreachable('it should have been refused')

async function assertAllEqual(engine: Engine) {
  for (const { name } of readModels) {
    const { result, detail } = await engine.verified(name)
    assert.is(result, 'equal', `${name}: ${detail}`)
  }
}

test('rebuilds every model from offset zero and promotes it, verified', async () => {
  const engine = await startEngine()
  await engine.eventStore.append([...someTrades(1_000), interruption()])
  engine.project()
  await engine.caughtUp()
  const before = await engine.readModelStore.pointer('candles')
  const results = await rebuild(engine)
  assert.is(results.length, readModels.length)
  for (const { model, eventsApplied } of results) {
    assert.is(eventsApplied, model === 'interruptions' ? 1 : 1_000)
  }
  const after = await engine.readModelStore.pointer('candles')
  assert.is(after?.former, before?.active)
  await assertAllEqual(engine)
  await engine.close()
})

test('builds a new generation from zero though a rollback has unfinished one', async () => {
  const engine = await startEngine()
  const projections = readModels.filter(({ name }) => name === 'symbols')
  await engine.eventStore.append(someTrades(100))
  const promoted = new Set<string>()
  for (let round = 0; round < 4; round++) {
    const [built] = await rebuild(engine, { projections })
    assert.not(promoted.has(built?.generation ?? ''))
    promoted.add(built?.generation ?? '')
    if (round > 0) await rollback({ ...replayOptionsOf(engine), projections })
  }
  assert.is(promoted.size, 4)
  await engine.close()
})

test('drops no active generation though one read of the pointer is stale', async () => {
  const engine = await startEngine()
  await engine.eventStore.append(someTrades(100))
  await rebuild(engine)
  const earlier = new Map<string, Pointer | undefined>()
  for (const { name } of readModels) earlier.set(name, await engine.readModelStore.pointer(name))
  await rebuild(engine)
  await engine.readModelStore.create({ model: 'trades', version: 1, kind: 'series' })
  const drops: string[] = []
  const stale: ReadModelStore = {
    ...engine.readModelStore,
    pointer: async (model) => {
      const answer = earlier.get(model) ?? (await engine.readModelStore.pointer(model))
      earlier.delete(model)
      return answer
    },
    drop: async (id) => void drops.push(id),
  }
  const serving = await engine.readModelStore.pointer('trades')
  const results = await rebuild({ ...engine, readModelStore: stale })
  assert.equal(drops, [])
  assert.is(results.find(({ model }) => model === 'trades')?.former, serving?.active)
  await engine.close()
})

test('live events continue after the promotion', async () => {
  const engine = await startEngine()
  await engine.eventStore.append(someTrades(500))
  engine.project()
  await engine.caughtUp()
  await rebuild(engine)
  await engine.eventStore.append(someTrades(500, 2))
  await engine.caughtUp()
  await assertAllEqual(engine)
  await engine.close()
})

test('loses and doubles nothing while events arrive', async () => {
  const engine = await startEngine()
  engine.project()
  let isFlowing = true
  const flow = (async () => {
    for (let seed = 1; isFlowing; seed++) await engine.eventStore.append(someTrades(50, seed))
  })()
  await eventually(async () => (await engine.eventStore.heads()).some(({ head }) => head > 500))
  await rebuild(engine)
  isFlowing = false
  await flow
  await engine.caughtUp()
  await assertAllEqual(engine)
  await engine.close()
})

test('an interrupted replay is continued', async () => {
  const engine = await startEngine()
  await engine.eventStore.append(someTrades(2_000))
  const controller = new AbortController()
  const states = new Set<string>()
  const interrupted = rebuild(engine, {
    signal: controller.signal,
    onProgress: ({ state }) => {
      states.add(state)
      queueMicrotask(() => controller.abort())
    },
  })
  await interrupted.then(unexpected, () => {})
  assert.equal([...states], ['building', 'interrupted'])
  const unfinished = (await engine.readModelStore.generations('trades')).map(({ id }) => id)
  assert.is(unfinished.length, 1)
  const [trades] = await rebuild(engine)
  assert.is(trades?.generation, unfinished[0])
  await assertAllEqual(engine)
  await engine.close()
})

test('a second replay of a model is rejected with the holder of the lease', async () => {
  const engine = await startEngine()
  await engine.eventStore.append(someTrades(100))
  const lease = await engine.readModelStore.lease('replay:symbols', { ttlMs: 10_000 })
  await rebuild(engine).then(unexpected, (error: unknown) => {
    assert.ok(hasCode(error, 'LEASE_HELD'))
    assert.match(error.message, `process ${process.pid}`)
  })
  await lease?.release()
  await rebuild(engine)
  await engine.close()
})

test('an empty log gives empty, promoted generations', async () => {
  const engine = await startEngine()
  const results = await rebuild(engine)
  for (const { eventsApplied } of results) assert.is(eventsApplied, 0)
  await assertAllEqual(engine)
  await engine.close()
})

test('rows that do not account for the events applied are not promoted', async () => {
  const engine = await startEngine()
  await engine.eventStore.append(someTrades(200))
  const [symbols] = readModels.filter(({ name }) => name === 'symbols')
  const broken = { ...symbols, rowsPerEvent: 2 } as (typeof readModels)[number]
  await rebuild(engine, { projections: [broken] }).then(unexpected, (error: unknown) =>
    assert.ok(hasCode(error, 'COUNTS_DISAGREE')),
  )
  assert.is(await engine.readModelStore.pointer('symbols'), undefined)
  await engine.close()
})

test.run()
