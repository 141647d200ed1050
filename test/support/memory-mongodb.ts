import { isDeepStrictEqual } from 'node:util'
import { type BulkWriteResult, type Db, MongoBulkWriteError, MongoServerError } from 'mongodb'

export type Documents = Map<string, Map<string, Document>>
type Document = Record<string, unknown> & { _id: string }
type Filter = Readonly<Record<string, unknown>>

const code = 11000
const duplicateKey = { code, message: 'duplicate key' }

/**
 * The part of MongoDB that a commit and its reads use. `step` is awaited before each query and
 * before each document is written, so that others may run in between.
 */
export function memoryMongodb(documents: Documents, step: () => Promise<void>): Db {
  const collection = (name: string) => {
    const stored = () => {
      const found = documents.get(name) ?? new Map<string, Document>()
      documents.set(name, found)
      return found
    }
    const matching = (filter: Filter) => [...stored().values()].filter((each) => fits(each, filter))
    const findAll = async (filter: Filter) => {
      await step()
      return structuredClone(matching(filter))
    }
    const isInserted = async (document: Document) => {
      await step()
      if (stored().has(document._id)) return false
      stored().set(document._id, structuredClone(document))
      return true
    }
    const change = async (filter: Filter, changed: (from: Document) => Document) => {
      await step()
      const [found] = matching(filter)
      if (found !== undefined) stored().set(found._id, structuredClone(changed(found)))
      return { matchedCount: found === undefined ? 0 : 1 }
    }
    return {
      collectionName: name,
      findOne: async (filter: Filter) => (await findAll(filter))[0] ?? null,
      find: (filter: Filter) => ({ toArray: () => findAll(filter) }),
      updateOne: (filter: Filter, { $set }: { $set: object }) =>
        change(filter, (found) => ({ ...found, ...$set })),
      insertOne: async (document: Document) => {
        if (!(await isInserted(document))) throw new MongoServerError(duplicateKey)
      },
      insertMany: async (all: readonly Document[]) => {
        const writeErrors = []
        for (const one of all) if (!(await isInserted(one))) writeErrors.push(duplicateKey)
        if (writeErrors.length > 0) throw bulkError(writeErrors)
      },
      bulkWrite: async (operations: readonly { replaceOne: Replacement }[]) => {
        let matchedCount = 0
        for (const { replaceOne } of operations) {
          const { filter, replacement } = replaceOne
          matchedCount += (await change(filter, () => replacement)).matchedCount
        }
        return { matchedCount }
      },
    }
  }
  const listCollections = () => ({ toArray: async () => [{}] })
  return { collection, listCollections } as unknown as Db
}

type Replacement = Readonly<{ filter: Filter; replacement: Document }>

const bulkError = (writeErrors: readonly object[]) =>
  new MongoBulkWriteError(
    { ...duplicateKey, writeErrors } as unknown as ConstructorParameters<
      typeof MongoBulkWriteError
    >[0],
    { getWriteConcernError: () => undefined } as BulkWriteResult,
  )

const fits = (document: Document, filter: Filter): boolean =>
  Object.entries(filter).every(([field, wanted]) => isWanted(document[field] ?? null, wanted))

function isWanted(value: unknown, wanted: unknown): boolean {
  const { $in, $gte, $lt } = (wanted ?? {}) as { $in?: unknown[]; $gte?: string; $lt?: string }
  if ($in !== undefined) return $in.includes(value)
  if ($gte !== undefined && $lt !== undefined) return String(value) >= $gte && String(value) < $lt
  return isDeepStrictEqual(value, wanted) || (Array.isArray(value) && value.includes(wanted))
}
