import { randomUUID } from 'node:crypto'
import { MongoClient } from 'mongodb'
import { foldSeries } from '../src/projections/fold.ts'
import { trades } from '../src/projections/read-models/trades.ts'
import { documentOfSeries, type RowDocument } from '../src/read-model-store/mongodb/rows.ts'
import type { Settings } from '../test/support/tradelog.ts'
import { linkLog } from './embedded.ts'
import { consume, consumeRaw, kafkaBrokers, kafkaSettings, removeTopics } from './kafka.ts'
import {
  type Given,
  type Measured,
  type PartOptions,
  type PartOrReason,
  type Subject,
  startWatch,
} from './part.ts'
import { modelNames, projectLive, replayModels, type Stores, withStores } from './projecting.ts'
import { partitions, tradeBatches } from './trades.ts'

export const mongodbUrl = process.env.MONGODB_URL ?? ''
const insert = 'driver: insertMany of the same documents, 1,000 at a time'

/** A server takes several times as long for a row as an embedded store. */
const shareOfEvents = 3

export function mongodbPart(options: PartOptions): PartOrReason {
  if (mongodbUrl === '') return { name: 'mongodb', reason: 'MONGODB_URL is not set' }
  const events = Math.ceil(options.events / shareOfEvents)
  const fromKafka = kafkaBrokers.length > 0
  return {
    name: 'mongodb',
    title: `MongoDB: read models of the ${fromKafka ? 'log in Kafka' : 'embedded log'}`,
    unit: 'events',
    server: mongodbServer,
    needs: [{ name: fromKafka ? 'topic' : 'log', events }],
    lines: [
      { label: insert, subject: 'insert', events },
      {
        label: 'project trades',
        subject: 'live',
        events,
        models: ['trades'],
        beside: [{ floor: insert, aim: 0.95 }],
      },
      ...(fromKafka ? [{ label: consume, subject: 'consume', events }] : []),
      {
        label: 'project symbols',
        subject: 'live',
        events,
        models: ['symbols'],
        beside: fromKafka ? [{ floor: consume, aim: 0.9 }] : [],
      },
      {
        label: `replay all ${modelNames.length}`,
        subject: 'replay',
        events,
        models: modelNames,
        beside: [{ floor: insert }],
      },
    ],
    subjects: {
      insert: insertRaw,
      consume: consumeRaw,
      live: (given) => withMongodb(given, projectLive),
      replay: (given) => withMongodb(given, replayModels),
    },
    ...(fromKafka ? { cleanUp: removeTopics } : {}),
  }
}

/** A stand-in such as FerretDB reports its name beside the version of MongoDB that it imitates. */
export async function mongodbServer(): Promise<string> {
  const client = await MongoClient.connect(mongodbUrl)
  try {
    const { version, ferretdbVersion } = await client.db().admin().buildInfo()
    if (ferretdbVersion === undefined) return `MongoDB ${version}`
    return (
      `FerretDB, a stand-in that calls itself MongoDB ${version}: it limits every figure here, and ` +
      'says nothing of the speed of MongoDB'
    )
  } finally {
    await client.close()
  }
}

/** Runs the work in a new database, which is dropped afterwards. */
export async function withDatabase(work: (name: string, client: MongoClient) => Promise<Measured>) {
  const client = await MongoClient.connect(mongodbUrl)
  const name = `tradelog_bench_${randomUUID().slice(0, 8)}`
  try {
    return await work(name, client)
  } finally {
    await client.db(name).dropDatabase()
    await client.close()
  }
}

export function withMongodb(
  given: Given,
  work: (stores: Stores) => Promise<Measured>,
): Promise<Measured> {
  if (kafkaBrokers.length === 0) linkLog(given)
  return withDatabase((databaseName) =>
    withStores(
      given,
      {
        ...(kafkaBrokers.length > 0 ? kafkaSettings(given) : { EVENT_STORE: 'embedded' }),
        ...mongodbSettings(databaseName),
      },
      work,
    ),
  )
}

export const mongodbSettings = (databaseName: string): Settings => ({
  READ_MODEL_STORE: 'mongodb',
  MONGODB__URL: mongodbUrl,
  MONGODB__DATABASE_NAME: databaseName,
})

/** Runs as many inserts at once as there are partitions. The time excludes making the documents. */
const insertRaw: Subject = ({ events }) =>
  withDatabase(async (name, client) => {
    const options = { writeConcern: { w: 'majority', journal: true } } as const
    const rows = client.db(name, options).collection<RowDocument>('rows')
    const batches = documentBatches(events)
    const stop = startWatch()
    const insertNext = async () => {
      for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
        await rows.insertMany(batch, { ordered: false })
      }
    }
    await Promise.all(Array.from({ length: partitions }, insertNext))
    return { count: events, ...stop() }
  })

function documentBatches(events: number): RowDocument[][] {
  let offset = 0
  return Array.from(tradeBatches(events), (batch) => {
    const recorded = batch.map((event) => ({
      partition: 0,
      offset: offset++,
      recordedAt: 0,
      event,
    }))
    return foldSeries(trades, recorded).map(documentOfSeries)
  })
}
