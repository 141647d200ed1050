import { randomUUID } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, openSync, readSync, statfsSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Database, open, type RootDatabase, type RootDatabaseOptions } from 'lmdb'
import { systemCode } from './system-code.ts'

/**
 * Opens an LMDB environment in a directory, made when absent. A commit is on disk (fdatasync) when
 * its promise resolves. Not for network file systems.
 */
export function openLmdb(directory: string, options: RootDatabaseOptions = {}): RootDatabase {
  mkdirSync(directory, { recursive: true })
  refuseOtherFile(join(directory, 'data.mdb'))
  return open({
    path: directory,
    noSubdir: false,
    encoding: 'json',
    // With it a commit is visible before it is on disk, and a failed one is never answered.
    overlappingSync: false,
    // With it a failed commit also rejects a promise that nobody has, which ends the process.
    eventTurnBatching: false,
    ...options,
  })
}

/** lmdb ends the process without a word where the file is none of its own. */
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

/** MDB_MAGIC, in the order of bytes of the machine, behind the header of the first page. */
const magic = Buffer.from(Uint32Array.of(0xbeefc0de).buffer)
const headBytes = 64

/**
 * A transaction that doesn't hold up this thread: all or nothing, on disk when it resolves. Rejects
 * with what the action throws, or with LMDB's reason. (lmdb's own `transaction` would commit what
 * an action has put before it throws. `transactionSync` can wait for ever: for a transaction of
 * another opening of the directory, which waits for this thread to run its action.)
 */
export async function transact<T>(database: Database, action: () => T): Promise<T> {
  try {
    return await database.childTransaction(action)
  } catch (error) {
    throw await reasonOf(error)
  }
}

/** Whether the disk is full: LMDB calls a write that was cut short an input/output error. */
export function isDiskFull(directory: string, error: unknown): boolean {
  const code = systemCode(error)
  if (code === 'EIO') return freeBytes(directory) < freeBytesMin
  return fullCodes.has(code) || (error as { code?: unknown }).code === mapFull
}

const fullCodes: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])
/** MDB_MAP_FULL. */
const mapFull = -30_792
/** More than any single commit of ours takes. */
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

/** Where leases are kept: one database of an environment. */
export type LeaseTable = Database<LeaseRow, string>

/** What a lease is kept as, in a database of its own. */
export type LeaseRow = {
  holder: string
  pid: number
  host: string
  /** Tells the processes of one number apart: in a container every one is the first. */
  process: string
  fence: number
  expiresAt: number
}

export type LmdbLease = Readonly<{
  /** Rises with every holder. */
  fence: number
  /** Inside a transaction of the same environment: whether the lease is still this holder's. */
  isHeld: () => boolean
  /** Puts the expiry off; false where somebody else has taken over. */
  renew: () => Promise<boolean>
  release: () => Promise<void>
}>

/**
 * Takes a lease kept in a database of an environment that several processes share. It is free when
 * absent, released, expired, or when its holder was a process of this host that is no more: so a
 * restart after a kill waits for nothing, and a hung holder is replaced after `ttlMs`.
 */
export async function takeLease(
  database: LeaseTable,
  name: string,
  { ttlMs, now = Date.now }: { ttlMs: number; now?: () => number },
): Promise<LmdbLease | undefined> {
  // Standing by costs a read, not a write transaction.
  const current = database.get(name)
  if (current !== undefined && !isFree(current, now())) return undefined

  const holder = randomUUID()
  const fence = await transact(database, () => {
    const row = database.get(name)
    if (row !== undefined && !isFree(row, now())) return undefined
    const fence = (row?.fence ?? 0) + 1
    database.putSync(name, { ...thisProcess(), holder, fence, expiresAt: now() + ttlMs })
    return fence
  })
  if (fence === undefined) return undefined

  const isHeld = () => database.get(name)?.holder === holder
  const rewrite = (row: { holder: string; expiresAt: number }) => {
    const held = isHeld()
    if (held) database.putSync(name, { ...thisProcess(), fence, ...row })
    return held
  }
  return {
    fence,
    isHeld,
    renew: () => transact(database, () => rewrite({ holder, expiresAt: now() + ttlMs })),
    // Nobody's from now on: a renewal still on its way must not bring it back.
    release: async () => {
      await transact(database, () => rewrite({ holder: '', expiresAt: 0 }))
    },
  }
}

/** Who holds a lease, for people: `process 4711 on host`; undefined where it is free. */
export function leaseHolder(database: LeaseTable, name: string): string | undefined {
  const row = database.get(name)
  return row === undefined || isFree(row, Date.now())
    ? undefined
    : `process ${row.pid} on ${row.host}`
}

/** Only the main thread takes leases, so each process has one name. */
const processName = randomUUID()

const thisProcess = () => ({ pid: process.pid, host: hostname(), process: processName })

const isFree = (row: LeaseRow, now: number): boolean =>
  row.expiresAt <= now || (row.host === hostname() && !isRunning(row))

const isRunning = (row: LeaseRow): boolean =>
  row.pid === process.pid ? row.process === processName : isAlive(row.pid)

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
