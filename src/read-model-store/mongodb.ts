/**
 * Read models in MongoDB 6 to 8: a collection of rows per generation, beside the collections of the
 * catalogue, `tradelog_…`. Only what every server of the protocol can do is used: no transactions, no
 * pipeline updates, no change streams. How a batch is exact without them: see `mongodb-commit.ts`.
 */
import { type Db, MongoServerError } from 'mongodb'
import { newGenerationId } from './generation-id.ts'
import {
  catalogueOf,
  dropGeneration,
  type GenerationDocument,
  infoOf,
  listGenerations,
  loadWholeGeneration,
} from './mongodb-catalogue.ts'
import { connect, type MongodbOptions } from './mongodb-connection.ts'
import { mongodbGeneration } from './mongodb-generation.ts'
import { openLeases } from './mongodb-leases.ts'
import { findPointer, promote } from './mongodb-pointers.ts'
import { openStatuses } from './mongodb-statuses.ts'
import type { ReadModelStore } from './read-model-store.ts'

type Kind = GenerationDocument['kind']

/**
 * Rejects with `READ_MODEL_STORE_UNAVAILABLE` where no server answers, with `CONFIG_INVALID` where
 * the url is none.
 */
export const openMongodbReadModelStore = async (
  options: MongodbOptions,
): Promise<ReadModelStore> => {
  const { logger } = options
  const connection = await connect(options)
  const { db, run } = connection
  const catalogue = catalogueOf(db)
  const leases = openLeases(connection, logger)
  const statuses = openStatuses(db)
  const open = async (id: string) =>
    mongodbGeneration(connection, catalogue, infoOf(await loadWholeGeneration(catalogue, id)))
  const create = async ({
    model,
    version,
    kind,
  }: {
    model: string
    version: number
    kind: Kind
  }) => {
    const createdAt = Date.now()
    const info = { id: newGenerationId(model, createdAt), model, version, createdAt }
    await createCollection(db, info.id, kind)
    const document = { _id: info.id, model, version, kind, createdAt, droppedAt: null }
    await catalogue.generations.insertOne(document)
    return mongodbGeneration(connection, catalogue, info)
  }
  let closing: Promise<void> | undefined
  const close = async () => {
    await leases.releaseAll()
    await connection.close()
  }
  return {
    generations: (model) => run(() => listGenerations(catalogue, model)),
    create: (generation) => run(() => create(generation)),
    open: (id) => run(() => open(id)),
    drop: (id) => run(() => dropGeneration(catalogue, id)),
    pointer: (model) => run(() => findPointer(db, model)),
    promote: (pointer, expected) => run(() => promote(db, pointer, expected)),
    lease: (name, { ttlMs }) => leases.take(name, ttlMs),
    leaseHolder: leases.holderOf,
    writeStatus: (source, status) => run(() => statuses.write(source, status)),
    statuses: () => run(statuses.list),
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

/** Rows of a series come in key order or nearly: clustered, each is written once, without an index. */
const createCollection = async (db: Db, name: string, kind: Kind): Promise<void> => {
  if (kind === 'series') {
    try {
      await db.createCollection(name, { clusteredIndex: { key: { _id: 1 }, unique: true } })
      return
    } catch (error) {
      // A server that can't cluster says so in one code or another; a plain collection works alike.
      if (!(error instanceof MongoServerError)) throw error
    }
  }
  await db.createCollection(name)
}
