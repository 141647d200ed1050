import { closeSync, existsSync, fstatSync, openSync, readSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Database, open, type RootDatabase, type RootDatabaseOptions } from 'lmdb'
import { makeDirectory } from './files/make-directory.ts'
import { systemCode } from './system-code.ts'

/**
 * Opens an LMDB environment in a directory, which it makes if absent. A commit is on disk
 * (fdatasync) when its promise resolves. Not for network file systems.
 */
export function openLmdb(directory: string, options: RootDatabaseOptions = {}): RootDatabase {
  makeDirectory(directory)
  refuseOthersFiles(directory)
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

const dataFile = 'data.mdb'
export const lmdbFiles = [dataFile, 'lock.mdb'] as const
/** The code of an error about files that aren't of LMDB; its message names them. */
export const notOfLmdb = 'ENOTOFLMDB'

/** lmdb ends the process silently if the files are not its own, and writes onto a full disk. */
function refuseOthersFiles(directory: string): void {
  for (const file of lmdbFiles) {
    const path = join(directory, file)
    const stats = statSync(path, { throwIfNoEntry: false })
    if (stats !== undefined && !stats.isFile()) {
      throw failed(notOfLmdb, `${path} is not a file of LMDB: move it away`)
    }
  }
  const path = join(directory, dataFile)
  if (!existsSync(path)) {
    if (freeBytes(directory) < newBytesMin) throw failed('ENOSPC', `no space is left for ${path}`)
    return
  }
  const file = openSync(path, 'r')
  try {
    const fault = faultOf(file)
    if (fault !== undefined) throw failed(notOfLmdb, `${path} ${fault}: ${restore}`)
  } finally {
    closeSync(file)
  }
}

const restore = 'restore its directory from a backup'

function faultOf(file: number): string | undefined {
  const head = headerAt(file, 0)
  const { size, mtimeMs } = fstatSync(file)
  if (size === 0) return undefined
  if (!head.includes(magic)) return 'is not a file of LMDB'
  const pageBytes = new Uint32Array(head.buffer)[pageBytesAt] ?? 0
  const isBeingMade = size < 2 * pageBytes && Date.now() - mtimeMs < makingMsMax
  if (isBeingMade) return undefined
  const isWhole = [head, headerAt(file, pageBytes)].every(
    (copy) => copy.includes(magic) && rootsOf(copy).every((root) => root * pageBytes < size),
  )
  return isWhole ? undefined : 'was cut'
}

/** The first bytes of a page that begins there. */
function headerAt(file: number, at: number): Buffer<ArrayBuffer> {
  const head = Buffer.from(new ArrayBuffer(headBytes))
  readSync(file, head, 0, headBytes, at)
  return head
}

/** The pages at which the trees of an environment begin; an empty tree has none. */
function rootsOf(head: Buffer<ArrayBuffer>): readonly number[] {
  const words = new BigUint64Array(head.buffer)
  const roots = rootsAt.map((at) => words[at] ?? noPage)
  return roots.filter((root) => root !== noPage).map(Number)
}

const failed = (code: string, message: string) => Object.assign(new Error(message), { code })

/** MDB_MAGIC in the machine's byte order, after the header of the first page. */
const magic = Buffer.from(Uint32Array.of(0xbeefc0de).buffer)
/** Where `MDB_meta` has its fields: in words of 4 bytes, and of 8. The second page has a copy. */
const pageBytesAt = 12
const rootsAt = [11, 17] as const
const headBytes = 144
const noPage = 2n ** 64n - 1n
/** Another process may have written only the first of the two pages yet. */
const makingMsMax = 1_000
/** What a new environment takes, and more. */
const newBytesMin = 1024 * 1024

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
