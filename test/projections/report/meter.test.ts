import * as assert from 'uvu/assert'
import { TradelogError } from '../../../src/domain/errors.ts'
import type { Batch } from '../../../src/event-store/event-store.ts'
import { createMeter } from '../../../src/projections/report/meter.ts'
import { declareProjectionMetrics } from '../../../src/projections/report/metrics.ts'
import type { Commit, Generation } from '../../../src/read-model-store/read-model-store.ts'
import { publishRowsWritten } from '../../../src/read-model-store/rows-written.ts'
import type { PartitionStatus, ProjectorState } from '../../../src/read-model-store/status.ts'
import { createMetrics } from '../../../src/runtime/metrics.ts'
import { eventually } from '../../support/eventually.ts'
import { memoryGeneration, memoryTable } from '../../support/memory-generation.ts'
import { scrape } from '../../support/scrape.ts'
import { suite } from '../../support/suite.ts'
import { trade } from '../../support/trade.ts'

const test = suite('meter of a projector')
const name = 'tradelog_projection'
const labels = 'model="symbols",partition="2"'

function started() {
  const metrics = createMetrics()
  const meter = createMeter(declareProjectionMetrics(metrics), 'symbols')
  return { meter, values: () => scrape(metrics) }
}

const batch = (from: number, to: number, recordedAt = Date.now()): Batch => ({
  partition: 2,
  from,
  to,
  origin: 'log',
  events: Array.from({ length: to - from }, (_, i) => ({
    partition: 2,
    offset: from + i,
    recordedAt,
    event: trade(),
  })),
  ack: () => {},
})

const commitOf = ({ partition, from, to, origin }: Batch): Commit => ({
  partition,
  from,
  to,
  applied: to,
  origin,
  rows: { kind: 'state', writes: [] },
})

const generation = (): Generation =>
  memoryGeneration(
    memoryTable({ id: 'symbols-1', model: 'symbols', version: 1, kind: 'state', createdAt: 0 }),
  )

/** Long enough to be measured by a clock of milliseconds. */
async function aWhile() {
  const end = performance.now() + 5
  await eventually(() => performance.now() > end, { everyMs: 1 })
}

test('counts the events of committed batches, and the batches by size', async () => {
  const { meter, values } = started()
  const measured = meter.measured(generation())
  await measured.checkpoint()
  for (const [from, to] of [
    [0, 3],
    [3, 403],
  ] as const) {
    assert.is(await measured.commit(commitOf(batch(from, to))), 'committed')
  }
  const value = await values()
  assert.is(value(`${name}_events_applied_total{${labels}}`), 403)
  assert.is(value(`${name}_batch_events_sum{${labels}}`), 403)
  assert.is(value(`${name}_batch_events_bucket{le="10",${labels}}`), 1)
  assert.is(value(`${name}_batch_events_bucket{le="500",${labels}}`), 2)
})

test('counts neither what was applied before nor what is not committed', async () => {
  const { meter, values } = started()
  const inner = generation()
  await inner.commit(commitOf(batch(0, 100)))
  const measured = meter.measured(inner)
  await measured.checkpoint()
  assert.is(await measured.commit(commitOf(batch(0, 100))), 'moved')
  await measured.commit(commitOf(batch(100, 107)))
  assert.is((await values())(`${name}_events_applied_total{${labels}}`), 7)
})

test('continues to count if an earlier copy of the rows is restored', async () => {
  const { meter, values } = started()
  const copies = [generation(), generation()]
  let inner = copies[0] as Generation
  const measured = meter.measured({
    ...inner,
    checkpoint: () => inner.checkpoint(),
    commit: (commit) => inner.commit(commit),
  })
  await measured.checkpoint()
  await measured.commit(commitOf(batch(0, 100)))
  inner = copies[1] as Generation
  await measured.checkpoint()
  await measured.commit(commitOf(batch(0, 30)))
  assert.is((await values())(`${name}_events_applied_total{${labels}}`), 130)
})

test('measures each stage of a batch', async () => {
  const { meter, values } = started()
  const inner = generation()
  const measured = meter.measured({
    ...inner,
    read: async (keys) => {
      await aWhile()
      return inner.read(keys)
    },
    commit: async (commit) => {
      await aWhile()
      publishRowsWritten(commit)
      await aWhile()
      return inner.commit(commit)
    },
  })
  for (const next of [batch(0, 1), batch(1, 2)]) {
    meter.received(next)
    await aWhile()
    meter.applying(next)
    await measured.read(['key'])
    await aWhile()
    await measured.commit(commitOf(next))
    meter.applied(next)
    await aWhile()
  }
  const value = await values()
  const spent = (stage: string) => value(`${name}_stage_seconds_total{${labels},stage="${stage}"}`)
  for (const stage of ['fetch', 'queue', 'read', 'fold', 'write', 'checkpoint']) {
    assert.ok(Number(spent(stage)) >= 0.004, `${stage}: ${spent(stage)}`)
  }
})

test('a store of one transaction has no checkpoint of its own to measure', async () => {
  const { meter, values } = started()
  const inner = generation()
  const measured = meter.measured({
    ...inner,
    commit: async (commit) => {
      await aWhile()
      return inner.commit(commit)
    },
  })
  await measured.commit(commitOf(batch(0, 1)))
  const value = await values()
  const spent = (stage: string) => value(`${name}_stage_seconds_total{${labels},stage="${stage}"}`)
  assert.ok(Number(spent('write')) >= 0.004)
  assert.is(spent('checkpoint'), 0)
})

test('observes once a batch how long its oldest event was invisible', async () => {
  const { meter, values } = started()
  const measured = meter.measured(generation())
  const old = batch(0, 50, Date.now() - 3_000)
  meter.received(old)
  meter.applying(old)
  await measured.commit(commitOf(old))
  meter.applied(old)
  const value = await values()
  const latency = `${name}_visible_latency_seconds`
  assert.is(value(`${latency}_count{model="symbols"}`), 1)
  assert.is(value(`${latency}_bucket{le="2.5",model="symbols"}`), 0)
  assert.is(value(`${latency}_bucket{le="30",model="symbols"}`), 1)
})

test('counts retries by error code', async () => {
  const { meter, values } = started()
  meter.retrying(new TradelogError('READ_MODEL_STORE_UNAVAILABLE', 'away'))
  meter.retrying(new Error('an unknown error'))
  const value = await values()
  const retries = (code: string) => value(`${name}_retries_total{model="symbols",code="${code}"}`)
  assert.is(retries('READ_MODEL_STORE_UNAVAILABLE'), 1)
  assert.is(retries('INTERNAL_ERROR'), 1)
})

test('shows lag and state as reported, and removes a partition that was taken away', async () => {
  const { meter, values } = started()
  const report = (state: ProjectorState, partitions: PartitionStatus[]) =>
    meter.report(
      {
        model: 'symbols',
        version: 1,
        generation: 'symbols-1',
        state,
        since: 0,
        partitions,
        lastCommitAt: null,
        error: null,
      },
      new Map([[2, 1.5]]),
    )
  report('catching up', [{ partition: 2, next: 10, head: 15, applied: 10 }])
  const before = await values()
  assert.is(before(`${name}_lag_events{${labels}}`), 5)
  assert.is(before(`${name}_lag_seconds{${labels}}`), 1.5)
  assert.is(before(`${name}_state{model="symbols",state="catching up"}`), 1)
  assert.is(before(`${name}_state{model="symbols",state="stopped"}`), 0)
  report('standing by', [])
  const after = await values()
  assert.is(after(`${name}_lag_events{${labels}}`), undefined)
  assert.is(after(`${name}_lag_seconds{${labels}}`), undefined)
  assert.is(after(`${name}_state{model="symbols",state="catching up"}`), 0)
})

test.run()
