import { MongoServerError } from 'mongodb'
import type { Key } from '../key.ts'
import type { Generation, GenerationInfo, PageOptions, StoredRow } from '../read-model-store.ts'
import type { Catalogue } from './catalogue.ts'
import { readCheckpoint } from './checkpoints.ts'
import { commitBatch } from './commit.ts'
import type { Connection } from './connection.ts'
import { loadGeneration, loadWholeGeneration } from './generations.ts'
import { type RowDocument, storedRow } from './rows.ts'

const scanChunkRows = 1_000
const countChunkRows = 50_000

export function mongodbGeneration(
  connection: Connection,
  catalogue: Catalogue,
  info: GenerationInfo,
): Generation {
  const { db, operationTimeoutMs } = connection
  const rows = db.collection<RowDocument>(info.id)

  /** A missing collection reads as an empty one, so a read that finds nothing checks this. */
  const assertExists = () => loadGeneration(catalogue, info.id)
  const run = <T>(operation: () => Promise<T>, signal?: AbortSignal) =>
    connection.run(async () => {
      try {
        return await operation()
      } catch (error) {
        if (error instanceof MongoServerError) await assertExists()
        throw error
      }
    }, signal)
  const found = async (documents: readonly RowDocument[]) => {
    if (documents.length === 0) await assertExists()
    return documents.map(storedRow)
  }
  const limits = (signal: AbortSignal | undefined) => ({
    maxTimeMS: operationTimeoutMs,
    ...(signal && { signal }),
  })

  const checkpoint = async () => {
    await loadWholeGeneration(catalogue, info.id)
    return readCheckpoint(catalogue.checkpoints, info.id)
  }
  const read = async (keys: readonly Key[], signal: AbortSignal | undefined) => {
    if (keys.length === 0) return []
    const [first] = keys
    const filter = keys.length === 1 && first !== undefined ? first : { $in: [...keys] }
    const cursor = rows.find({ _id: filter }, { ...limits(signal), batchSize: keys.length })
    const byKey = new Map((await found(await cursor.toArray())).map((row) => [row.key, row]))
    return keys.map((key) => byKey.get(key))
  }
  const page = async ({ from, to, limit, reverse, signal }: PageOptions) => {
    const cursor = rows
      .find({ _id: { $gte: from, $lt: to } }, limits(signal))
      .sort({ _id: reverse ? -1 : 1 })
      .limit(limit)
      .batchSize(limit)
    return found(await cursor.toArray())
  }
  /** Adds up here, as servers differ in the sums they can do; fetches nothing but the counts. */
  const count = async (signal: AbortSignal | undefined) => {
    const total = { rows: 0, events: 0 }
    const projection = { _id: 0, _count: 1 }
    const cursor = rows.find({}, { projection, ...(signal && { signal }) })
    cursor.batchSize(countChunkRows)
    for await (const { _count } of cursor) {
      total.rows += 1
      total.events += _count ?? 0
    }
    if (total.rows === 0) await assertExists()
    return total
  }
  const scan = async function* (signal?: AbortSignal): AsyncGenerator<readonly StoredRow[]> {
    // No `maxTimeMS` here: it would limit the whole scan, not each chunk.
    const cursor = rows.find({}, { ...(signal && { signal }) }).sort({ _id: 1 })
    cursor.batchSize(scanChunkRows)
    try {
      while (await run(() => cursor.hasNext(), signal)) {
        yield cursor.readBufferedDocuments().map(storedRow)
      }
      await run(assertExists, signal)
    } finally {
      await cursor.close()
    }
  }

  return {
    info,
    checkpoint: () => run(checkpoint),
    read: (keys, signal) => run(() => read(keys, signal), signal),
    commit: (commit) => run(() => commitBatch(catalogue, rows, commit)),
    page: (options) => run(() => page(options), options.signal),
    count: (signal) => run(() => count(signal), signal),
    scan: ({ signal } = {}) => scan(signal),
  }
}
