import { randomBytes } from 'node:crypto'
import { type Db, MongoClient } from 'mongodb'
import { MongoBinary, MongoMemoryServer } from 'mongodb-memory-server'
import pino from 'pino'
import type { MongodbOptions } from '../../src/read-model-store/mongodb/connection.ts'
import { openMongodbReadModelStore } from '../../src/read-model-store/mongodb/mongodb-read-model-store.ts'
import type { ReadModelStore } from '../../src/read-model-store/read-model-store.ts'

/** A MongoDB for the tests of one file. */
export type TestMongodb = Readonly<{
  url: string
  /** An empty database with a new name. */
  database: () => TestDatabase
  /** Drops every database that was made here. */
  close: () => Promise<void>
}>

export type TestDatabase = Readonly<{
  /** For what operators do by hand, beside the store. */
  db: Db
  options: MongodbOptions
  open: (options?: Partial<MongodbOptions>) => Promise<ReadModelStore>
}>

/** The server of `MONGODB_URL`, else a mongod of this machine; the reason if there is no server. */
export async function testMongodb(): Promise<TestMongodb | { reason: string }> {
  const url = process.env.MONGODB_URL
  if (url !== undefined) return onServer(url, async () => {})
  try {
    // Checked first, because the server would write a failure to the console.
    await MongoBinary.getPath()
    const server = await MongoMemoryServer.create()
    return await onServer(server.getUri(), async () => void (await server.stop()))
  } catch (error) {
    return { reason: `no MONGODB_URL and no mongod: ${String(error).split('\n')[0]}` }
  }
}

async function onServer(url: string, stop: () => Promise<void>): Promise<TestMongodb> {
  const client = await MongoClient.connect(url, { serverSelectionTimeoutMS: 3_000 })
  const made: Db[] = []
  const database = () => {
    const databaseName = `tradelog_test_${randomBytes(6).toString('hex')}`
    const db = client.db(databaseName)
    made.push(db)
    const options = { url, databaseName, logger: pino({ enabled: false }) }
    const open = (more: Partial<MongodbOptions> = {}) =>
      openMongodbReadModelStore({ ...options, ...more })
    return { db, options, open }
  }
  const close = async () => {
    for (const db of made) await db.dropDatabase()
    await client.close()
    await stop()
  }
  return { url, database, close }
}
