import { closeSync, existsSync, mkdirSync, openSync, readSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { type Database, open, type RootDatabase, type RootDatabaseOptions } from 'lmdb'
import { systemCode } from './system-code.ts'

/**
 * Opens an LMDB environment in a directory, which it makes if absent. A commit is on disk
 * (fdatasync) when its promise resolves. Not for network file systems.
 */
export function openLmdb(directory: string, options: RootDatabaseOptions = {}): RootDatabase {
  mkdirSync(directory, { recursive: true })
  refuseOtherFile(join(directory, 'data.mdb'))
  return open({
    path: directory,
    noSubdir: false,
    encoding: 'json',
    // With it a commit is visible before it is on disk, and a failed one never rejects.
    overlappingSync: false,
    // With it a failed commit also rejects a promise that no code can catch: the process ends.
    eventTurnBatching: false,
    ...options,
  })
}

/** lmdb ends the process silently if the file is not one of LMDB. */
function refuseOtherFile(path: string): void {
  if (!existsSync(path)) return
  const head = Buffer.alloc(headBytes)
  const file = openSync(path, 'r')
  const length = readSync(file, head)
  closeSync(file)
  if (length === 0 || head.includes(magic)) return
  const error = new Error(`${path} is not a file of LMDB: restore its directory from a backup`)
  throw Object.assign(error, { code: 'EINVAL' })
}

/** MDB_MAGIC in the machine's byte order, after the header of the first page. */
const magic = Buffer.from(Uint32Array.of(0xbeefc0de).buffer)
const headBytes = 64

/**
 * A transaction that doesn't block this thread: all or nothing, on disk when it resolves. Rejects
 * with what the action throws, or with LMDB's reason. (lmdb's own `transaction` would commit what
 * an action has put before it throws. `transactionSync` can deadlock: it waits for a transaction of
 * another opening of the directory, which waits for this thread to run its action.)
 */
export async function transact<T>(database: Database, action: () => T): Promise<T> {
  try {
    return await database.childTransaction(action)
  } catch (error) {
    throw await reasonOf(error)
  }
}

/** Whether the disk is full: LMDB reports an incomplete write as an input/output error. */
export function isDiskFull(directory: string, error: unknown): boolean {
  const code = systemCode(error)
  if (code === 'EIO') return freeBytes(directory) < freeBytesMin
  return fullCodes.has(code) || (error as { code?: unknown }).code === mapFull
}

const fullCodes: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])
/** MDB_MAP_FULL. */
const mapFull = -30_792
/** More than any commit of tradelog takes. */
const freeBytesMin = 64 * 1024 * 1024

function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize
}

/** A failed commit has its reason in a promise, which must not stay unhandled. */
export function reasonOf(error: unknown): Promise<unknown> {
  const { commitError } = (error ?? {}) as { commitError?: Promise<unknown> }
  return Promise.resolve(commitError ?? error).catch((reason) => reason)
}
