import * as assert from 'uvu/assert'
import { hasCode, TradelogError } from '../../src/domain/errors.ts'
import { readModels } from '../../src/projections/read-models/index.ts'
import { replay } from '../../src/projections/replay/replay.ts'
import type { Generation, ReadModelStore } from '../../src/read-model-store/read-model-store.ts'
import type { ProcessStatus } from '../../src/read-model-store/status.ts'
import { type Engine, startEngine } from '../support/engine.ts'
import { eventually } from '../support/eventually.ts'
import { failureOf } from '../support/failure.ts'
import { silent } from '../support/silent.ts'
import { someTrades } from '../support/some-trades.ts'
import { suite } from '../support/suite.ts'
import { trade } from '../support/trade.ts'

const test = suite('errors of a projection and of a replay')

const rebuild = ({ eventStore, readModelStore }: Engine, store = readModelStore) =>
  replay({
    projections: readModels,
    eventStore,
    readModelStore: store,
    batchEventsMax: 100,
    logger: silent,
    signal: new AbortController().signal,
  })

async function statusOf({ readModelStore }: Engine, name: string) {
  const rows = await readModelStore.statuses()
  const models = rows.flatMap(({ status }) =>
    status.kind === 'project' ? (status as ProcessStatus).models : [],
  )
  return models.find(({ model }) => model === name)
}

async function logWithPoison(engine: Engine) {
  await engine.eventStore.append([trade({ price: '1' }), trade({ price: '2' })])
  await engine.appendForeign('AAPL', { ...trade(), version: 99 })
  await engine.eventStore.append([trade({ price: '3' })])
}

test('an event of an unknown version stops every projection at its position', async () => {
  const engine = await startEngine()
  await logWithPoison(engine)
  const role = engine.project()
  const status = await eventually(async () => {
    const symbols = await statusOf(engine, 'symbols')
    return symbols?.state === 'stopped' ? symbols : undefined
  })
  assert.is(status.error?.code, 'EVENT_UNREADABLE')
  assert.match(status.error?.message ?? '', /offset 2: TradeExecuted of version 99/)
  assert.is(
    status.partitions.reduce((sum, { applied }) => sum + applied, 0),
    2,
    'only the events before it are applied',
  )
  assert.is((await role.readiness()).length, readModels.length)
  await engine.close()
})

test('a replay ends at such an event with its position, and promotes nothing', async () => {
  const engine = await startEngine()
  await logWithPoison(engine)
  const error = await failureOf(rebuild(engine))
  assert.is(error.code, 'EVENT_UNREADABLE')
  assert.match(error.message, /offset 2: TradeExecuted of version 99/)
  assert.is(await engine.readModelStore.pointer('trades'), undefined)
  await engine.close()
})

test('a replay that fails has ended all its commits, also those of other models', async () => {
  const engine = await startEngine()
  await logWithPoison(engine)
  const commits: string[] = []
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const store = withCommits(engine.readModelStore, async ({ info }, commit) => {
    if (info.model === 'candles') await released
    commits.push(info.model)
    return commit()
  })
  let hasEnded = false
  const failed = failureOf(rebuild(engine, store)).finally(() => {
    hasEnded = true
  })
  await eventually(() => commits.length === readModels.length - 1)
  assert.not(hasEnded)
  release()
  assert.is((await failed).code, 'EVENT_UNREADABLE')
  assert.is(commits.at(-1), 'candles')
  await engine.close()
})

test('verify could not check a model if such an event is below its checkpoint', async () => {
  const engine = await startEngine()
  await engine.appendForeign('AAPL', { type: 'Unheard', version: 1 })
  const generation = await engine.readModelStore.create({
    model: 'symbols',
    version: 1,
    kind: 'state',
  })
  const partition = (await engine.eventStore.heads()).findIndex(({ head }) => head > 0)
  const rows = { kind: 'state' as const, writes: [] }
  await generation.commit({ partition, from: 0, to: 1, applied: 0, origin: 'o', rows })
  const { result, detail } = await engine.verified('symbols', generation.info.id)
  assert.is(result, 'could not check')
  assert.match(detail ?? '', 'unknown type "Unheard"')
  await engine.close()
})

test('a log of one event is rebuilt and verified', async () => {
  const engine = await startEngine()
  await engine.eventStore.append([trade()])
  for (const { model, eventsApplied } of await rebuild(engine)) {
    assert.is(eventsApplied, model === 'interruptions' ? 0 : 1)
  }
  for (const { name } of readModels) assert.is((await engine.verified(name)).result, 'equal')
  await engine.close()
})

type Outcome = ReturnType<Generation['commit']>

/** The store, with something around each commit of a generation. */
function withCommits(
  store: ReadModelStore,
  around: (generation: Generation, commit: () => Outcome) => Outcome,
): ReadModelStore {
  const guarded = (generation: Generation): Generation => ({
    ...generation,
    commit: (commit) => around(generation, () => generation.commit(commit)),
  })
  return {
    ...store,
    create: async (options) => guarded(await store.create(options)),
    open: async (id) => guarded(await store.open(id)),
  }
}

for (const code of ['READ_MODEL_STORE_FULL', 'READ_MODEL_STORE_UNAVAILABLE'] as const) {
  test(`a replay that meets ${code} ends with it, and continues when run again`, async () => {
    const engine = await startEngine()
    await engine.eventStore.append(someTrades(2_000))
    let commits = 0
    const failing = withCommits(engine.readModelStore, async (_, commit) => {
      if (commits++ < 10) return commit()
      throw new TradelogError(code, 'the disk is full, or gone')
    })
    assert.is((await failureOf(rebuild(engine, failing))).code, code)
    assert.is(await engine.readModelStore.pointer('trades'), undefined)
    const unfinished = (await engine.readModelStore.generations()).map(({ id }) => id).sort()
    const results = await rebuild(engine)
    assert.equal(results.map(({ generation }) => generation).sort(), unfinished)
    for (const { name } of readModels) assert.is((await engine.verified(name)).result, 'equal')
    await engine.close()
  })
}

test('a log that has lost its beginning is rejected with what to do', async () => {
  const engine = await startEngine()
  await engine.eventStore.append([trade()])
  const { eventStore } = engine
  const cut = {
    ...engine,
    eventStore: {
      ...eventStore,
      heads: async () =>
        (await eventStore.heads()).map((bounds) => ({ ...bounds, start: 1, head: 1 })),
    },
  }
  const error = await failureOf(rebuild(cut))
  assert.ok(hasCode(error, 'LOG_TRUNCATED'))
  assert.match(error.message, 'restore the log from a backup')
  await engine.close()
})

test('a read model of another log stops with what to do', async () => {
  const former = await startEngine()
  await former.eventStore.append(someTrades(50))
  former.project()
  await former.caughtUp()
  await former.close()
  const engine = await startEngine(former.directory, { log: 'another-log' })
  await engine.eventStore.append(someTrades(80, 2))
  engine.project()
  const status = await eventually(async () => {
    const symbols = await statusOf(engine, 'symbols')
    return symbols?.state === 'stopped' ? symbols : undefined
  })
  assert.is(status.error?.code, 'LOG_REPLACED')
  assert.match(status.error?.message ?? '', 'npm run replay -- --model symbols')
  await rebuild(engine)
  await engine.caughtUp()
  for (const { name } of readModels) assert.is((await engine.verified(name)).result, 'equal')
  await engine.close()
})

test.run()
