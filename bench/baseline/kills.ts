import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Db } from 'mongodb'
import { decodeKey } from '../../src/read-model-store/key.ts'
import { openMongodbReadModelStore } from '../../src/read-model-store/mongodb/mongodb-read-model-store.ts'
import type { ReadModelStore } from '../../src/read-model-store/read-model-store.ts'
import { seededRandom } from '../../test/support/random.ts'
import { runTradelog, startTradelog } from '../../test/support/tradelog.ts'
import { committedOffsets, kafkaBrokers, kafkaSettings, topicOf } from '../kafka.ts'
import { mongodbSettings, mongodbUrl, withDatabase } from '../mongodb.ts'
import type { Given, Measured, Subject } from '../part.ts'
import { modelNames, silent } from '../projecting.ts'
import { partitions, tradeBatches } from '../trades.ts'
import { type CandleDocument, candleId, type SymbolDocument } from './consumer.ts'

export const kills = 20
const seed = 5
const delayMsMax = 300
const pollEveryMs = 10
/** With batches this small, the twenty kills hit as many commits as in the baseline. */
const batchEventsMax = 100

/** The final read models, of either program. */
type Made = Readonly<{
  /** Rows of trades by position. */
  rows: ReadonlyMap<string, number>
  /** How many trades were counted by symbol, and by candle of a minute. */
  counts: ReadonlyMap<string, number>
  minutes: ReadonlyMap<string, number>
}>

type Killable = Readonly<{
  start: () => ChildProcess
  /** How many events it has committed, as it reports. */
  applied: () => Promise<number>
}>

export const killBaseline: Subject = (given) =>
  withDatabase(async (databaseName, client) => {
    const groupId = `${topicOf(given)}-kills`
    const options = {
      brokers: kafkaBrokers,
      topic: topicOf(given),
      groupId,
      mongodbUrl,
      databaseName,
    }
    const program = join(import.meta.dirname, 'program.js')
    const start = () =>
      spawn(process.execPath, [program, JSON.stringify(options)], {
        stdio: ['ignore', 'ignore', 'inherit'],
      })
    const applied = () => committedOffsets(groupId, topicOf(given))
    const seconds = await underKills(given, { start, applied })
    return outcome(given, seconds, await madeByBaseline(client.db(databaseName)))
  })

export const killTradelog: Subject = (given) =>
  withDatabase(async (databaseName) => {
    const settings = {
      ...kafkaSettings(given),
      ...mongodbSettings(databaseName),
      PARTITIONS: String(partitions),
      DATA_DIRECTORY: given.scratch,
      PROJECTION__BATCH_EVENTS_MAX: String(batchEventsMax),
      LOG__LEVEL: 'error',
    }
    const store = await openMongodbReadModelStore({ url: mongodbUrl, databaseName, logger: silent })
    try {
      const start = () => {
        const { process: child } = startTradelog(['project'], settings)
        child.stderr?.pipe(process.stderr)
        return child
      }
      const seconds = await underKills(given, { start, applied: () => appliedToAll(store) })
      const models = modelNames.flatMap((name) => ['--model', name])
      const { code, stdout } = await runTradelog(['verify', ...models], settings)
      if (code !== 0) process.stderr.write(stdout)
      return outcome(given, seconds, await madeByTradelog(store), {
        'exit code of verify': code ?? -1,
      })
    } finally {
      await store.close()
    }
  })

/** Kills at seeded counts of applied events plus a seeded delay, starts again, and waits. */
async function underKills({ events }: Given, { start, applied }: Killable): Promise<number> {
  const random = seededRandom(seed)
  const thresholds = Array.from({ length: kills }, () => random() * events * 0.9)
  const startedAt = performance.now()
  for (const threshold of thresholds.sort((a, b) => a - b)) {
    const child = start()
    await until(async () => (await applied()) > threshold, child)
    await sleep(random() * delayMsMax)
    await kill(child)
  }
  const last = start()
  await until(async () => (await applied()) >= events, last)
  const seconds = (performance.now() - startedAt) / 1_000
  last.kill('SIGTERM')
  await once(last, 'exit')
  return seconds
}

async function until(check: () => Promise<boolean>, child: ChildProcess): Promise<void> {
  while (!(await check())) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    await sleep(pollEveryMs)
  }
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

/** The count of the model that is furthest behind. */
async function appliedToAll(store: ReadModelStore): Promise<number> {
  const applied = modelNames.map(async (name) => {
    const pointer = await store.pointer(name)
    if (pointer === undefined) return 0
    const checkpoint = await (await store.open(pointer.active)).checkpoint()
    return [...checkpoint.values()].reduce((sum, { applied }) => sum + applied, 0)
  })
  return Math.min(...(await Promise.all(applied)))
}

const positionOf = (partition: number, offset: number) => `${partition}:${offset}`

async function madeByBaseline(database: Db): Promise<Made> {
  const rows = new Map<string, number>()
  for await (const { partition, offset } of database.collection('trades').find()) {
    increase(rows, positionOf(partition, offset))
  }
  const symbols = await database.collection<SymbolDocument>('symbols').find().toArray()
  const candles = await database.collection<CandleDocument>('candles').find().toArray()
  return {
    rows,
    counts: new Map(symbols.map(({ _id, tradeCount }) => [_id, tradeCount])),
    minutes: new Map(candles.map(({ _id, tradeCount }) => [_id, tradeCount])),
  }
}

async function madeByTradelog(store: ReadModelStore): Promise<Made> {
  const made = { rows: new Map(), counts: new Map(), minutes: new Map() } satisfies Made
  const each = async (model: string, take: (row: Record<string, unknown>, key: string) => void) => {
    const generation = await store.open((await store.pointer(model))?.active ?? '')
    for await (const rows of generation.scan()) for (const { value, key } of rows) take(value, key)
  }
  await each('trades', (_, key) => {
    const [partition = 0, offset = 0] = decodeKey(key).slice(-2).map(Number)
    increase(made.rows, positionOf(partition, offset))
  })
  await each('symbols', ({ symbol, tradeCount }) => made.counts.set(symbol, tradeCount))
  await each('candles', ({ symbol, interval, start, tradeCount }) => {
    if (interval === '1m') made.minutes.set(candleId(String(symbol), Number(start)), tradeCount)
  })
  return made
}

function outcome(
  { events }: Given,
  seconds: number,
  { rows, counts, minutes }: Made,
  more: Readonly<Record<string, number>> = {},
): Measured {
  const symbols = new Map<string, number>()
  const candles = new Map<string, number>()
  for (const batch of tradeBatches(events)) {
    for (const { symbol, executedAt } of batch) {
      increase(symbols, symbol)
      increase(candles, candleId(symbol, executedAt))
    }
  }
  const figures = {
    'trades lost': events - rows.size,
    'trades stored again': sum(rows.values()) - rows.size,
    'counted too often': sum(symbols.keys(), (key) => excess(counts, symbols, key)),
    'counted too rarely': sum(symbols.keys(), (key) => excess(symbols, counts, key)),
    'wrong candles': [...candles].filter(([id, count]) => minutes.get(id) !== count).length,
    'of candles': candles.size,
    ...more,
  }
  return { count: events, seconds, cpuSeconds: null, anonymousBytes: null, figures }
}

const increase = (counts: Map<string, number>, key: string): void =>
  void counts.set(key, (counts.get(key) ?? 0) + 1)

const excess = (of: ReadonlyMap<string, number>, over: ReadonlyMap<string, number>, key: string) =>
  Math.max(0, (of.get(key) ?? 0) - (over.get(key) ?? 0))

const sum = <T>(items: Iterable<T>, of: (item: T) => number = Number): number =>
  Array.from(items, of).reduce((total, each) => total + each, 0)
