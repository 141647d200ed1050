import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Database } from 'lmdb'
import { transact } from './lmdb.ts'

/** The database of an environment that holds its leases. */
export type LeaseTable = Database<LeaseRow, string>

/** A stored lease. */
export type LeaseRow = {
  holder: string
  pid: number
  host: string
  /** Distinguishes processes with one pid: in every container the first one has pid 1. */
  process: string
  fence: number
  expiresAt: number
}

export type LmdbLease = Readonly<{
  /** Rises with every holder. */
  fence: number
  /** Inside a transaction of the same environment: whether the lease is still this holder's. */
  isHeld: () => boolean
  /** Extends the lease; answers false if another holder has taken over. */
  renew: () => Promise<boolean>
  release: () => Promise<void>
}>

/**
 * Takes a lease in an environment that several processes share. It is free if it is absent,
 * released or expired, or if its holder was a process of this host that no longer runs. So a
 * restart after a kill needs no wait, and a hung holder is replaced after `ttlMs`.
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
    // It has no holder from now on: a renewal in flight must not bring it back.
    release: async () => {
      await transact(database, () => rewrite({ holder: '', expiresAt: 0 }))
    },
  }
}

/** Names the holder for people: `process 4711 on host`; undefined if the lease is free. */
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
