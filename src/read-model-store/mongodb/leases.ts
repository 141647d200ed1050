/**
 * The server's clock (`$currentDate`, `hello`) times the leases, so hosts whose clocks differ see
 * the same holder.
 */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Collection, Db } from 'mongodb'
import type { Logger } from 'pino'
import { createLeaseKeeper } from '../kept-lease.ts'
import type { Lease } from '../read-model-store.ts'
import type { Catalogue } from './catalogue.ts'
import type { Connection } from './connection.ts'
import { tryInsert } from './errors.ts'

type LeaseDocument = {
  _id: string
  fence: number
  /** Null after a release. */
  holder: Readonly<{ id: string; host: string; pid: number }> | null
  renewedAt: Date | null
  ttlMs: number
}

type Leases = Readonly<{
  take: (name: string, ttlMs: number) => Promise<Lease | undefined>
  holderOf: (name: string) => Promise<string | undefined>
  /** Releases every lease that this process still holds. */
  releaseAll: () => Promise<void>
}>

export function openLeases({ run }: Connection, { db }: Catalogue, logger: Logger): Leases {
  const leases = db.collection<LeaseDocument>('tradelog_leases')
  const keeper = createLeaseKeeper((fields, message) => logger.warn(fields, message))

  const take = async (name: string, ttlMs: number): Promise<Lease | undefined> => {
    const now = await serverTime(db)
    const { fence, renewedAt, ...found } = await findOrPut(leases, name)
    if (!isFree({ ...found, renewedAt }, now)) return undefined
    const holder = { id: randomUUID(), host: hostname(), pid: process.pid }
    const takenAt = performance.now()
    const { matchedCount } = await leases.updateOne(
      { _id: name, fence, renewedAt },
      { $set: { fence: fence + 1, holder, ttlMs }, $currentDate: { renewedAt: true } },
    )
    if (matchedCount === 0) return undefined
    const mine = { _id: name, fence: fence + 1, 'holder.id': holder.id }
    return keeper.keep(
      { name, fence: fence + 1, ttlMs, takenAt },
      {
        renew: () => run(() => updateOne(leases, mine, { $currentDate: { renewedAt: true } })),
        release: () => run(() => updateOne(leases, mine, { $set: { holder: null } })),
      },
    )
  }
  const holderOf = async (name: string) => {
    const now = await serverTime(db)
    const found = await leases.findOne({ _id: name })
    if (found === null || found.holder === null || isFree(found, now)) return undefined
    return `process ${found.holder.pid} on ${found.holder.host}`
  }
  return {
    take: (name, ttlMs) => run(() => take(name, ttlMs)),
    holderOf: (name) => run(() => holderOf(name)),
    releaseAll: keeper.releaseAll,
  }
}

const updateOne = async (
  leases: Collection<LeaseDocument>,
  filter: object,
  update: object,
): Promise<boolean> => (await leases.updateOne(filter, update)).matchedCount === 1

async function serverTime(db: Db): Promise<number> {
  const { localTime } = await db.command({ hello: 1 })
  return localTime instanceof Date ? localTime.getTime() : Date.now()
}

const isFree = (
  { holder, renewedAt, ttlMs }: Pick<LeaseDocument, 'holder' | 'renewedAt' | 'ttlMs'>,
  now: number,
): boolean => holder === null || renewedAt === null || renewedAt.getTime() + ttlMs <= now

async function findOrPut(leases: Collection<LeaseDocument>, name: string): Promise<LeaseDocument> {
  const unheld = { fence: 0, holder: null, renewedAt: null, ttlMs: 0 }
  const found = await leases.findOne({ _id: name })
  if (found !== null) return found
  await tryInsert(leases, { _id: name, ...unheld })
  return { _id: name, ...unheld }
}
