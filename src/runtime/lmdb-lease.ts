import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Database } from 'lmdb'
import { transact } from './lmdb.ts'

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
