/**
 * Goal: after a fault of the database or the connection at any step of a commit, the read model
 * ends up right by itself. Method: a proxy counts the commands of one batch; then the fault strikes
 * at each of them in turn, and the rows are compared with a plain fold of the log.
 */
import type { Db, Document } from 'mongodb'
import * as assert from 'uvu/assert'
import { isRetriable } from '../../../src/domain/errors.ts'
import type { RecordedTrade } from '../../../src/domain/recorded-event.ts'
import { openActiveGeneration } from '../../../src/projections/active-generation.ts'
import type { Projection } from '../../../src/projections/projection.ts'
import { symbols } from '../../../src/projections/read-models/symbols.ts'
import { trades } from '../../../src/projections/read-models/trades.ts'
import { createWriter } from '../../../src/projections/writer.ts'
import type { ReadModelStore } from '../../../src/read-model-store/read-model-store.ts'
import { type TestDatabase, type TestMongodb, testMongodb } from '../../support/mongodb.ts'
import { mongodbProxy, type Verdict } from '../../support/mongodb-proxy.ts'
import { seededRandom, testSeed } from '../../support/random.ts'
import { suite } from '../../support/suite.ts'
import { recorded, trade } from '../../support/trade.ts'

const batchEvents = 5
/** One batch more than is disturbed, so that another process can get further than a hung one. */
const eventsTotal = 20
/** The first batch inserts its checkpoint and rows, a later one mostly updates. */
const disturbed: readonly (readonly [Projection, number])[] = [
  [symbols, 1],
  [symbols, 3],
  [trades, 3],
]
/** The earlier copy is made after this batch, the later one just before the disturbed batch. */
const copiedBatch = 1

/** Strikes just before the command reaches the server, or is a verdict on it. */
type Fault = (at: Moment) => Promise<Verdict>
/** `goOn` is a second process, which projects the rest of the log. */
type Moment = Readonly<{ db: Db; copy: Copy; later: Copy; goOn: () => Promise<void> }>
type Copy = ReadonlyMap<string, Document[]>

const faults: Readonly<Record<string, Fault>> = {
  'the database is emptied': async ({ db }) => {
    await db.dropDatabase()
    return 'pass'
  },
  'the database is put back to an earlier copy': async ({ db, copy }) => {
    await putBack(db, copy)
    return 'pass'
  },
  'the database is put back to how it was before': async ({ db, later }) => {
    await putBack(db, later)
    return 'pass'
  },
  'its process hangs while another goes on': async ({ goOn }) => {
    await goOn()
    return 'pass'
  },
  'the command is lost': async () => 'lose command',
  'the answer is lost': async () => 'lose answer',
}

const log = ((): RecordedTrade[] => {
  const random = seededRandom(testSeed)
  return Array.from({ length: eventsTotal }, (_, offset) =>
    recorded(
      trade({
        symbol: `S${Math.floor(random() * 5)}`,
        executedAt: 1_763_645_583_544 + Math.floor(random() * 1000),
        source: `offset ${offset}`,
      }),
      offset,
    ),
  )
})()

/** What each model has to hold in the end, by loops that share nothing with the projections. */
const expected: Readonly<Record<string, () => unknown[]>> = {
  trades: () => log.map(({ event }) => event.source).sort(),
  symbols: () => {
    const names = [...new Set(log.map(({ event }) => event.symbol))].sort()
    return names.map((symbol) => {
      const own = log.filter(({ event }) => event.symbol === symbol)
      return [symbol, own.length, Math.max(...own.map(({ event }) => event.executedAt)), own.length]
    })
  },
}

const test = suite('MongoDB read-model store under faults')
const mongodb = await testMongodb()

function define(server: TestMongodb) {
  for (const [name, fault] of Object.entries(faults)) {
    for (const [projection, batch] of disturbed) {
      if (batch <= copiedBatch && name.includes('earlier copy')) continue
      test(
        `${projection.name} heal when ${name} at any command of batch ${batch}`,
        () => atEveryCommand(server, projection, batch, fault),
        { timeoutMs: 60_000 },
      )
    }
  }
  test.after(server.close)
}

async function atEveryCommand(
  server: TestMongodb,
  projection: Projection,
  batch: number,
  fault: Fault,
) {
  const commands = await runWith(server.database(), projection, batch, -1, fault)
  assert.ok(commands.length >= 4, commands.join())
  for (const at of commands.keys()) {
    await runWith(server.database(), projection, batch, at, fault)
  }
}

/** One run over the whole log; returns the commands of the disturbed batch. */
async function runWith(
  { db, open, options }: TestDatabase,
  projection: Projection,
  batch: number,
  faultAt: number,
  fault: Fault,
): Promise<string[]> {
  const commands: string[] = []
  let copy: Copy = new Map()
  let later: Copy = new Map()
  let watching = false
  const goOn = async () => {
    const second = await open()
    await project(second, projection, async () => {})
    await second.close()
  }
  const proxy = await mongodbProxy(options.url, async ({ name, collection }) => {
    if (!watching || !disturbable(name)) return 'pass'
    commands.push(`${name} ${collection}`)
    return commands.length - 1 === faultAt ? fault({ db, copy, later, goOn }) : 'pass'
  })
  const store = await open({ url: proxy.url })
  try {
    await project(store, projection, async (next) => {
      if (next === copiedBatch + 1) copy = await copyOf(db)
      if (next === batch && !watching) later = await copyOf(db)
      watching = next === batch
    })
    watching = false
    assert.equal(await rowsOf(store, projection), expected[projection.name]?.(), `at ${faultAt}`)
  } finally {
    await store.close()
    await proxy.close()
  }
  return commands
}

/** Excludes the driver's own commands. */
const disturbable = (name: string) => ['find', 'insert', 'update'].includes(name)

/**
 * As the project role does it: from the stored checkpoint, and again after a retriable error. Every
 * batch is like the first after an assignment: its rows have to be read.
 */
async function project(
  store: ReadModelStore,
  projection: Projection,
  beforeBatch: (batch: number) => Promise<void>,
) {
  const attempt = async () => {
    const generation = await openActiveGeneration(store, projection)
    const writer = createWriter(projection, generation, store)
    for (;;) {
      const from = (await writer.restart()).get(0)?.next ?? 0
      if (from === log.length) return
      const to = Math.min(from + batchEvents, log.length)
      await beforeBatch(to / batchEvents)
      const events = log.slice(from, to)
      await writer.apply({ partition: 0, from, to, events, origin: 'log' })
    }
  }
  for (let attempts = 0; ; attempts++) {
    try {
      return await attempt()
    } catch (error) {
      if (!isRetriable(error) || attempts > 10) throw error
    }
  }
}

async function rowsOf(store: ReadModelStore, projection: Projection): Promise<unknown[]> {
  const rows = []
  const generation = await openActiveGeneration(store, projection)
  for await (const chunk of generation.scan()) rows.push(...chunk)
  return projection.kind === 'series'
    ? rows.map(({ value }) => value.source).sort()
    : rows.map(({ value, count }) => [value.symbol, value.tradeCount, value.lastTradeAt, count])
}

async function copyOf(db: Db): Promise<Copy> {
  const copy = new Map<string, Document[]>()
  for (const { name } of await db.listCollections().toArray()) {
    copy.set(name, await db.collection(name).find().toArray())
  }
  return copy
}

async function putBack(db: Db, copy: Copy): Promise<void> {
  for (const { name } of await db.listCollections().toArray()) {
    await db.collection(name).deleteMany({})
    const documents = copy.get(name) ?? []
    if (documents.length > 0) await db.collection(name).insertMany(documents)
  }
}

if ('reason' in mongodb) test.skip('all', mongodb.reason)
else define(mongodb)
test.run()
