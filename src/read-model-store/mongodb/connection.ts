import { type Db, MongoClient } from 'mongodb'
import type { Logger } from 'pino'
import { TradelogError } from '../../domain/errors.ts'
import { closeOnce } from '../../runtime/close-once.ts'
import { storeClosed, storeError } from './errors.ts'

export type MongodbOptions = Readonly<{
  /** A connection string: one server, a replica set, or Atlas (`mongodb+srv:`). */
  url: string
  databaseName: string
  logger: Logger
  /** How long to look for a server that takes writes; less than an API request may take. */
  serverSelectionTimeoutMs?: number
  /** How long a server may keep one operation waiting. Reads are tried twice. */
  operationTimeoutMs?: number
}>

/** One client, which rejects with the errors of the port. */
export type Connection = Readonly<{
  db: Db
  operationTimeoutMs: number
  /** Rejects with `READ_MODEL_STORE_CLOSED` after close, with the signal's reason if aborted. */
  run: <T>(operation: () => Promise<T>, signal?: AbortSignal) => Promise<T>
  /** Waits for the operations in flight. */
  close: () => Promise<void>
}>

export async function connect(options: MongodbOptions): Promise<Connection> {
  const { databaseName, operationTimeoutMs = 15_000 } = options
  const client = clientOf(options, operationTimeoutMs)
  const inFlight = new Set<Promise<unknown>>()
  const run = async <T>(operation: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    if (close.hasBegun()) throw storeClosed()
    signal?.throwIfAborted()
    const running = operation()
    inFlight.add(running)
    try {
      return await running
    } catch (error) {
      signal?.throwIfAborted()
      throw storeError(error)
    } finally {
      inFlight.delete(running)
    }
  }
  const close = closeOnce(async () => {
    await Promise.allSettled(inFlight)
    await client.close()
  })
  const db = client.db(databaseName)
  try {
    await run(() => client.connect())
    return { db, operationTimeoutMs, run, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** A read is tried twice, and must report an unavailable store before its own time limit. */
const serverSelectionMs = 2_000

function clientOf(
  { url, serverSelectionTimeoutMs = serverSelectionMs }: MongodbOptions,
  operationTimeoutMs: number,
): MongoClient {
  try {
    return new MongoClient(url, {
      appName: 'tradelog',
      // Majority and journalled, or a failover could keep a checkpoint and lose its rows.
      writeConcern: { w: 'majority', journal: true },
      readPreference: 'primary',
      ignoreUndefined: true,
      serverSelectionTimeoutMS: serverSelectionTimeoutMs,
      // The driver accepts `timeoutMS` and ignores it, so each kind of wait has its own limit.
      connectTimeoutMS: operationTimeoutMs,
      socketTimeoutMS: operationTimeoutMs,
      waitQueueTimeoutMS: operationTimeoutMs,
    })
  } catch {
    // The driver's message may repeat the connection string, password included.
    throw new TradelogError('CONFIG_INVALID', 'mongodb.url is not a MongoDB connection string')
  }
}
