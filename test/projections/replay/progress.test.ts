import * as assert from 'uvu/assert'
import { readModels } from '../../../src/projections/read-models/index.ts'
import { createReplayProgress } from '../../../src/projections/replay/progress.ts'
import type { ReplayStatus } from '../../../src/read-model-store/status.ts'
import { openMemoryReadModelStore } from '../../support/memory-read-model-store.ts'
import { silent } from '../../support/silent.ts'
import { suite } from '../../support/suite.ts'

const test = suite('progress of a replay')

/** A replay of two models of a log of 100 events, with a clock that the test sets. */
async function started() {
  const readModelStore = openMemoryReadModelStore()
  const clock = { now: 1_000 }
  const reported: ReplayStatus[] = []
  const builds = await Promise.all(
    readModels.slice(0, 2).map(async (projection) => {
      const { name: model, version, kind } = projection
      return { projection, generation: await readModelStore.create({ model, version, kind }) }
    }),
  )
  const progress = createReplayProgress({
    builds,
    eventStore: { heads: async () => [{ partition: 0, start: 0, head: 100, origin: 'o' }] },
    readModelStore,
    logger: silent,
    signal: new AbortController().signal,
    onProgress: (status) => void reported.push(status),
    now: () => clock.now,
  })
  await progress.start()
  return { progress, clock, reported, readModelStore }
}

const figures = (reported: readonly ReplayStatus[]) =>
  reported.map(({ model, state, eventsDone, eventsTotal, eventsPerSecond }) => [
    `${model} ${state}`,
    eventsDone,
    eventsTotal,
    eventsPerSecond,
  ])

test('clock and counts stop once a model is promoted, which is reported once', async () => {
  const { progress, clock, reported, readModelStore } = await started()
  clock.now = 3_000
  for (const model of ['trades', 'symbols']) progress.read(model, 100)
  progress.promoted('trades')
  await progress.close()
  clock.now = 5_000
  for (const model of ['trades', 'symbols']) progress.read(model, 20)
  progress.promoted('symbols')
  clock.now = 60_000
  await progress.close()
  await progress.close()
  assert.equal(figures(reported), [
    ['trades building', 0, 100, 0],
    ['symbols building', 0, 100, 0],
    ['trades promoted', 100, 100, 50],
    ['symbols building', 100, 100, 50],
    ['symbols promoted', 120, 120, 30],
  ])
  const rows = (await readModelStore.statuses()).map(({ status }) => status as ReplayStatus)
  assert.equal(rows.map(({ eventsDone }) => eventsDone).sort(), [100, 120])
})

test('a failure after the first promotion is reported for the others', async () => {
  const { progress, reported } = await started()
  progress.promoted('trades')
  progress.failed(new Error('gone'))
  for (let times = 0; times < 2; times++) await progress.close()
  const last = reported.slice(2).map(({ model, state }) => `${model} ${state}`)
  assert.equal(last, ['trades promoted', 'symbols failed'])
})

test.run()
