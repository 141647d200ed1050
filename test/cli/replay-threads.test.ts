import { join } from 'node:path'
import * as assert from 'uvu/assert'
import {
  automaticThreads,
  automaticThreadsBeside,
  replayThreads,
  sharesOf,
} from '../../src/cli/replay-threads.ts'
import { openEventStore, openReadModelStore } from '../../src/compose.ts'
import { hasCode } from '../../src/domain/errors.ts'
import { openEmbeddedLog } from '../../src/event-store/embedded/log.ts'
import type { EventStore } from '../../src/event-store/event-store.ts'
import { readModels } from '../../src/projections/read-models/index.ts'
import { type Build, openBuilder } from '../../src/projections/replay/builder.ts'
import { checkCounts } from '../../src/projections/replay/count-check.ts'
import type {
  Generation,
  ReadModelStore,
  StoredRow,
} from '../../src/read-model-store/read-model-store.ts'
import { loadConfig } from '../../src/runtime/config/config.ts'
import { createLifetime } from '../../src/runtime/lifetime.ts'
import { rejection } from '../contracts/event-store-reader.ts'
import { silent } from '../support/silent.ts'
import { someTrades } from '../support/some-trades.ts'
import { suite } from '../support/suite.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runTradelog, settingsEnvironment } from '../support/tradelog.ts'

const test = suite('replay in threads')
const timeoutMs = 120_000
const partitions = 4
const batchEventsMax = 100

type Log = Readonly<{ settings: Readonly<Record<string, string>>; events: number }>

/** A log in its own directory. Unlike with a feed, every symbol is in all partitions. */
async function logOf(events: number, broken?: number): Promise<Log> {
  const directory = temporaryDirectory()
  const log = await openEmbeddedLog({ directory: join(directory, 'log'), partitions })
  const records = someTrades(events).map((event, i) => ({
    partition: i % partitions,
    value: i === broken ? { ...event, version: 7 } : event,
  }))
  await log.append(log.prepare(records, 0))
  await log.close()
  const settings = {
    DATA_DIRECTORY: directory,
    PARTITIONS: String(partitions),
    PROJECTION__BATCH_EVENTS_MAX: String(batchEventsMax),
    PROJECTION__REPLAY_THREADS: '2',
  }
  return { settings, events }
}

type Opened = Readonly<{
  eventStore: EventStore
  readModelStore: ReadModelStore
  newBuilds: () => Promise<readonly Build[]>
  /** Returns how many events were applied; can be stopped after so many. */
  inThreads: (builds: readonly Build[], stopAfter?: number) => Promise<number>
}>

async function withStores({ settings }: Log, body: (opened: Opened) => Promise<void>) {
  const { config } = loadConfig({ environment: settingsEnvironment(settings) })
  const life = createLifetime()
  const signal = new AbortController().signal
  const composition = { config, life, logger: silent, signal }
  try {
    const eventStore = await openEventStore(composition)
    const readModelStore = await openReadModelStore(composition)
    const newBuilds = () => Promise.all(readModels.map((model) => newBuild(readModelStore, model)))
    const fold = replayThreads(config, 1)
    const inThreads: Opened['inThreads'] = async (builds, stopAfter = Infinity) => {
      const stop = new AbortController()
      let applied = 0
      await fold?.({
        generations: new Map(builds.map(({ generation: { info } }) => [info.model, info.id])),
        behind: new Map((await eventStore.heads()).map((of) => [of.partition, of.head])),
        signal: stop.signal,
        onApplied: (_, events) => {
          applied += events
          if (applied > stopAfter) stop.abort(new Error('stopped'))
        },
      })
      return applied
    }
    await body({ eventStore, readModelStore, newBuilds, inThreads })
  } finally {
    await life.close()
  }
}

async function newBuild(store: ReadModelStore, projection: Build['projection']): Promise<Build> {
  const { name: model, version, kind } = projection
  return { projection, generation: await store.create({ model, version, kind }) }
}

async function rowsOf(generation: Generation): Promise<readonly StoredRow[]> {
  const rows: StoredRow[] = []
  for await (const some of generation.scan()) rows.push(...some)
  return rows
}

async function foldHere({ eventStore, readModelStore }: Opened, builds: readonly Build[]) {
  const { signal } = new AbortController()
  const stores = { eventStore, readModelStore, batchEventsMax }
  await (await openBuilder({ ...stores, builds, signal, onApplied: () => {} })).catchUp()
}

async function assertSame(some: readonly Build[], others: readonly Build[]) {
  for (const [i, { projection, generation }] of some.entries()) {
    await checkCounts(projection, generation, new AbortController().signal)
    const other = others[i]?.generation as Generation
    assert.equal(await generation.checkpoint(), await other.checkpoint())
    assert.equal(await rowsOf(generation), await rowsOf(other))
  }
}

test('partitions are shared out so that threads get equally many events', () => {
  const behind = new Map([
    [0, 10],
    [1, 95],
    [2, 0],
    [3, 50],
    [4, 40],
  ])
  const shares = sharesOf(behind, 2).map((share) => share.toSorted())
  assert.equal(
    shares.toSorted((a, b) => a.length - b.length),
    [[1], [0, 3, 4]],
  )
  assert.equal(sharesOf(behind, 8).flat().toSorted(), [0, 1, 3, 4])
  assert.equal(sharesOf(new Map([[0, 0]]), 2), [])
})

test('0 means no threads, auto goes by the processors', () => {
  const config = (threads: string) =>
    loadConfig({ environment: { TRADELOG_PROJECTION__REPLAY_THREADS: threads } }).config
  assert.is(replayThreads(config('0'), 4), undefined)
  assert.is(replayThreads(config('auto'), 0), undefined)
  assert.type(replayThreads(config('auto'), 1), 'function')
  assert.equal(
    [1, 2, 3, 8].map((each) => automaticThreads(each)),
    [0, 0, 3, 8],
  )
  assert.equal(
    [1, 2, 3, 8].map((each) => automaticThreadsBeside(each)),
    [1, 1, 2, 7],
  )
  assert.throws(() => config('-1'), /projection.replay_threads must be a whole number from 0 to 64/)
})

test(
  'two threads build the same rows as one, also rows that both feed',
  async () =>
    withStores(await logOf(20_000), async (opened) => {
      const builds = await opened.newBuilds()
      assert.is(await opened.inThreads(builds), 20_000 * readModels.length)
      const others = await opened.newBuilds()
      await foldHere(opened, others)
      await assertSame(builds, others)
    }),
  { timeoutMs },
)

test(
  'stopped threads end, and the build continues where it was',
  async () =>
    withStores(await logOf(40_000), async (opened) => {
      const builds = await opened.newBuilds()
      const error = await rejection(() => opened.inThreads(builds, 10_000))
      assert.match(String(error), 'stopped')
      const applied = await opened.inThreads(builds)
      assert.ok(applied > 0 && applied < 40_000 * readModels.length, String(applied))
      const others = await opened.newBuilds()
      await foldHere(opened, others)
      await assertSame(builds, others)
    }),
  { timeoutMs },
)

test(
  'the error of a thread is thrown unchanged, and stops the others',
  async () =>
    withStores(await logOf(20_000, 10_001), async ({ newBuilds, inThreads }) => {
      const error = await rejection(async () => inThreads(await newBuilds()))
      assert.ok(hasCode(error, 'EVENT_UNREADABLE'), String(error))
      assert.is(error.retriable, false)
      assert.is(error.fields.partition, 1)
      assert.is(error.fields.offset, 2_500)
    }),
  { timeoutMs },
)

test(
  'a dropped generation is reported as such',
  async () =>
    withStores(await logOf(100), async ({ readModelStore, newBuilds, inThreads }) => {
      const builds = await newBuilds()
      for (const { generation } of builds) await readModelStore.drop(generation.info.id)
      const error = await rejection(() => inThreads(builds))
      assert.ok(hasCode(error, 'GENERATION_DROPPED'), String(error))
    }),
  { timeoutMs },
)

test(
  'a long log is folded in threads, and the remainder in this process',
  async () => {
    for (const events of [49_999, 50_001]) {
      await withStores(await logOf(events), async ({ eventStore, readModelStore }) => {
        const symbols = readModels.filter(({ name }) => name === 'symbols')
        const builds = await Promise.all(symbols.map((model) => newBuild(readModelStore, model)))
        const { signal } = new AbortController()
        const work: number[] = []
        const foldInThreads = async ({ behind }: { behind: ReadonlyMap<number, number> }) =>
          void work.push(...behind.values())
        const stores = { eventStore, readModelStore, batchEventsMax: 10_000 }
        const options = { ...stores, builds, signal, onApplied: () => {}, foldInThreads }
        const builder = await openBuilder(options)
        await builder.catchUp()
        await builder.catchUp()
        assert.is(
          work.reduce((a, b) => a + b, 0),
          events < 50_000 ? 0 : events,
        )
        for (const { projection, generation } of builds) {
          await checkCounts(projection, generation, signal)
          const { rows, events: counted } = await generation.count()
          assert.equal({ rows, counted }, { rows: 5, counted: events })
        }
      })
    }
  },
  { timeoutMs },
)

test(
  'the command rebuilds a long log in threads, and verify finds it equal',
  async () => {
    const log = await logOf(60_000)
    const settings = { ...log.settings, PROJECTION__BATCH_EVENTS_MAX: '1000' }
    const replayed = await runTradelog(['replay'], settings)
    assert.is(replayed.code, 0, replayed.stderr)
    assert.match(replayed.stdout, 'candles: rebuilt, 60,000 events applied')
    const verified = await runTradelog(['verify'], settings)
    assert.is(verified.code, 0, `${verified.stdout}${verified.stderr}`)
  },
  { timeoutMs },
)

test.run()
