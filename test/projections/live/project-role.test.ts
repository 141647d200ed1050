import * as assert from 'uvu/assert'
import { TradelogError } from '../../../src/domain/errors.ts'
import { startProjectRole } from '../../../src/projections/live/project-role.ts'
import { readModels } from '../../../src/projections/read-models/index.ts'
import type { Generation, ReadModelStore } from '../../../src/read-model-store/read-model-store.ts'
import type { ProcessStatus } from '../../../src/read-model-store/status.ts'
import { createMetrics } from '../../../src/runtime/metrics.ts'
import { partitions, startEngine } from '../../support/engine.ts'
import { eventually } from '../../support/eventually.ts'
import { keptLog } from '../../support/kept-log.ts'
import { silent } from '../../support/silent.ts'
import { someTrades } from '../../support/some-trades.ts'
import { suite } from '../../support/suite.ts'

const test = suite('project role')

/** The log of a role some of whose commits are refused: those that `isRefused` says, from 1. */
async function logOfRefused(refusal: TradelogError, isRefused: (commit: number) => boolean) {
  const engine = await startEngine()
  await engine.eventStore.append(someTrades(10))
  const store = refusing(engine.readModelStore, refusal, isRefused)
  const { logger, entries } = keptLog()
  const role = startProjectRole({
    projections: readModels.filter(({ name }) => name === 'trades'),
    eventStore: engine.eventStore,
    readModelStore: store,
    batchEventsMax: 1,
    processName: 'test',
    metrics: createMetrics(),
    logger,
  })
  await engine.caughtUp(['trades'])
  await role.close()
  await engine.close()
  return entries.filter(({ msg }) => msg.includes('from the checkpoint'))
}

function refusing(
  store: ReadModelStore,
  refusal: TradelogError,
  isRefused: (commit: number) => boolean,
): ReadModelStore {
  let commits = 0
  const guarded = (generation: Generation): Generation => ({
    ...generation,
    commit: async (commit) => {
      commits += 1
      if (isRefused(commits)) throw refusal
      return generation.commit(commit)
    },
  })
  return {
    ...store,
    create: async (options) => guarded(await store.create(options)),
    open: async (id) => guarded(await store.open(id)),
  }
}

const first = (commit: number) => commit === 1

test('that another process has written is logged in a line, not as a warning', async () => {
  const moved = new TradelogError('CHECKPOINT_MOVED', 'another process wrote partition 0')
  const [entry, ...more] = await logOfRefused(moved, first)
  assert.is(more.length, 0)
  assert.is(entry?.level, 30)
  assert.is(entry?.err, undefined)
  assert.match(entry?.msg ?? '', 'another process wrote partition 0')
})

test('any other retriable error is logged as a warning', async () => {
  const away = new TradelogError('READ_MODEL_STORE_UNAVAILABLE', 'gone for a moment')
  const [entry, ...more] = await logOfRefused(away, first)
  assert.is(more.length, 0)
  assert.is(entry?.level, 40)
  assert.match(JSON.stringify(entry?.err), 'gone for a moment')
})

test('a store that refuses every other commit is told ever more seldom, and asked so', async () => {
  const away = new TradelogError('READ_MODEL_STORE_UNAVAILABLE', 'away by turns')
  const entries = await logOfRefused(away, (commit) => commit % 2 === 1 && commit < 11)
  assert.equal(
    entries.map(({ failures }) => failures),
    [1, 2, 4],
  )
})

test('reports until when all is applied, which ends when the log cannot be read', async () => {
  const engine = await startEngine()
  await engine.eventStore.append(someTrades(10))
  const log = { isAway: false }
  const heads = async () => {
    if (log.isAway) throw new TradelogError('EVENT_STORE_UNAVAILABLE', 'away')
    return await engine.eventStore.heads()
  }
  const role = startProjectRole({
    projections: readModels,
    eventStore: { ...engine.eventStore, heads },
    readModelStore: engine.readModelStore,
    batchEventsMax: 100,
    processName: 'test',
    metrics: createMetrics(),
    logger: silent,
  })
  const startedAt = Date.now()
  await engine.caughtUp()
  const reported = async () => {
    const [row] = await engine.readModelStore.statuses()
    const status = row?.status as ProcessStatus | undefined
    const candles = status?.models.find(({ model }) => model === 'candles')
    return { writtenAt: row?.writtenAt ?? 0, times: Object.values(candles?.caughtUpAt ?? {}) }
  }
  const { times } = await eventually(async () => {
    const report = await reported()
    return report.times.length === partitions ? report : undefined
  })
  for (const at of times) assert.ok(at >= startedAt && at <= Date.now(), `${at}`)
  log.isAway = true
  const awayAt = Date.now()
  await eventually(async () => (await reported()).writtenAt > awayAt + 2_000)
  for (const at of (await reported()).times) assert.ok(at <= awayAt, `${at} is after ${awayAt}`)
  await role.close()
  await engine.close()
})

test.run()
