import {
  type Collection,
  type Document,
  type InsertOneOptions,
  MongoBulkWriteError,
  MongoError,
  MongoServerError,
  type OptionalUnlessRequiredId,
} from 'mongodb'
import { TradelogError } from '../../domain/errors.ts'

const duplicateKey = 11000
const namespaceNotFound = 26
const outOfDiskSpace = 14031
/** Atlas answers any error with this number; only the text says that the database is full. */
const atlasError = 8000

/** Turns an error of the driver into one of ours; any other is a defect and stays as it is. */
export function storeError(error: unknown): unknown {
  if (!(error instanceof MongoError)) return error
  if (isFull(error)) {
    return new TradelogError('READ_MODEL_STORE_FULL', `MongoDB is full: ${error.message}`, {
      cause: error,
    })
  }
  return new TradelogError('READ_MODEL_STORE_UNAVAILABLE', `MongoDB: ${error.message}`, {
    cause: error,
  })
}

export const storeClosed = (): TradelogError =>
  new TradelogError('READ_MODEL_STORE_CLOSED', 'the read-model store is closed')

export const generationDropped = (generation: string): TradelogError =>
  new TradelogError('GENERATION_DROPPED', `generation ${generation} is gone`, {
    fields: { generation },
  })

/** Answers false if a document has that `_id`. */
export async function tryInsert<T extends Document>(
  collection: Collection<T>,
  document: OptionalUnlessRequiredId<T>,
  options: InsertOneOptions = {},
): Promise<boolean> {
  try {
    await collection.insertOne(document, options)
    return true
  } catch (error) {
    if (!(error instanceof MongoServerError) || error.code !== duplicateKey) throw error
    return false
  }
}

export const isNamespaceNotFound = (error: unknown): boolean =>
  error instanceof MongoServerError && error.code === namespaceNotFound

/**
 * True if every document of an unordered insert is stored, by this call or an earlier one, and is
 * as durable as required: a duplicate waits for the write concern like an insert.
 */
export function isOnlyDuplicateKeys(error: unknown): boolean {
  if (!(error instanceof MongoBulkWriteError)) return false
  const failures = [error.writeErrors].flat()
  return (
    failures.length > 0 &&
    failures.every((failure) => failure.code === duplicateKey) &&
    error.result.getWriteConcernError() === undefined
  )
}

const isFull = ({ code, message }: MongoError): boolean =>
  code === outOfDiskSpace || (code === atlasError && message.includes('quota'))
