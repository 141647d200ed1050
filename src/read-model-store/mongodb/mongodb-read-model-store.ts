/**
 * Read models in MongoDB 6 to 8: a collection of rows per generation, beside the collections of the
 * catalogue, `tradelog_…`. It uses only what every server of the protocol can do: no transactions,
 * no pipeline updates, no change streams. `commit.ts` says how a batch is exact without them.
 */

import { closeOnce } from '../../runtime/close-once.ts'
import type { GenerationInfo, ReadModelStore } from '../read-model-store.ts'
import { catalogueOf, findPointer, promote, skipsIn, statusesIn } from './catalogue.ts'
import { connect, type MongodbOptions } from './connection.ts'
import { mongodbGeneration } from './generation.ts'
import {
  createGeneration,
  dropGeneration,
  infoOf,
  listGenerations,
  loadWholeGeneration,
} from './generations.ts'
import { openLeases } from './leases.ts'

/**
 * Rejects with `READ_MODEL_STORE_UNAVAILABLE` if no server answers, with `CONFIG_INVALID` if the
 * url is malformed.
 */
export async function openMongodbReadModelStore(options: MongodbOptions): Promise<ReadModelStore> {
  const { logger } = options
  const connection = await connect(options)
  const { run } = connection
  const catalogue = catalogueOf(connection)
  const leases = openLeases(connection, catalogue, logger)
  const skips = skipsIn(catalogue)
  const statuses = statusesIn(catalogue)
  const generation = (info: GenerationInfo) => mongodbGeneration(connection, catalogue, info)
  return {
    generations: (model) => run(() => listGenerations(catalogue, model)),
    create: (options) => run(async () => generation(await createGeneration(catalogue, options))),
    open: (id) => run(async () => generation(infoOf(await loadWholeGeneration(catalogue, id)))),
    drop: (id) => run(() => dropGeneration(catalogue, id)),
    pointer: (model) => run(() => findPointer(catalogue, model)),
    promote: (pointer, expected) => run(() => promote(catalogue, pointer, expected)),
    lease: (name, { ttlMs }) => leases.take(name, ttlMs),
    leaseHolder: leases.holderOf,
    skips: (model) => run(() => skips.skips(model)),
    addSkip: (skip) => run(() => skips.addSkip(skip)),
    removeSkip: (skip) => run(() => skips.removeSkip(skip)),
    writeStatus: (source, status) => run(() => statuses.writeStatus(source, status)),
    statuses: () => run(statuses.statuses),
    close: closeOnce(async () => {
      await leases.releaseAll()
      await connection.close()
    }),
  }
}
