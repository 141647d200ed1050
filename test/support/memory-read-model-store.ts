import { TradelogError } from '../../src/domain/errors.ts'
import { newGenerationId } from '../../src/read-model-store/generation-id.ts'
import {
  type Generation,
  type GenerationInfo,
  type Lease,
  type Pointer,
  type ReadModelStore,
  type Skip,
  type StatusRow,
  skipId,
} from '../../src/read-model-store/read-model-store.ts'
import { type BeforeWrite, memoryGeneration, memoryTable, type Table } from './memory-generation.ts'

type LeaseRow = { holder: object | undefined; fence: number; expiresAt: number }

/** What the stores of several processes share. */
export type MemoryDatabase = Readonly<{
  tables: Map<string, Table>
  pointers: Map<string, Pointer>
  leases: Map<string, LeaseRow>
  skips: Map<string, Skip>
  statuses: Map<string, StatusRow>
}>

export const memoryDatabase = (): MemoryDatabase => ({
  tables: new Map(),
  pointers: new Map(),
  leases: new Map(),
  skips: new Map(),
  statuses: new Map(),
})

type Options = Readonly<{
  database?: MemoryDatabase
  beforeWrite?: BeforeWrite
  chooseWrite?: ((count: number) => number) | undefined
  now?: () => number
  newId?: (model: string, createdAt: number) => string
}>

/** A read-model store without transactions, in memory; each handle stands for one process. */
export function openMemoryReadModelStore({
  database = memoryDatabase(),
  beforeWrite = () => {},
  chooseWrite,
  now = Date.now,
  newId = newGenerationId,
}: Options = {}): ReadModelStore {
  const { tables, pointers, skips, statuses } = database
  const commits = new Set<Promise<unknown>>()
  const leases = leasesOf(database, now)
  let closed = false
  const ifOpen = async <T>(answer: () => T): Promise<T> => {
    if (closed) throw new TradelogError('READ_MODEL_STORE_CLOSED', 'the store is closed')
    return answer()
  }
  const handle = (table: Table): Generation => {
    const generation = memoryGeneration(table, { beforeWrite, chooseWrite, closed: () => closed })
    const commit: Generation['commit'] = (batch) => {
      const committing = generation.commit(batch).finally(() => commits.delete(committing))
      commits.add(committing)
      return committing
    }
    return { ...generation, commit }
  }

  return {
    generations: (model) =>
      ifOpen(() => infosOf(tables).filter((info) => model === undefined || info.model === model)),
    create: ({ model, version, kind }) =>
      ifOpen(() => {
        const createdAt = now()
        const info = { id: newId(model, createdAt), model, version, kind, createdAt }
        const table = memoryTable(info)
        tables.set(info.id, table)
        return handle(table)
      }),
    open: (id) => ifOpen(() => handle(tableOf(tables, id))),
    drop: (id) =>
      ifOpen(() => {
        if (tables.has(id)) tableOf(tables, id).dropped = true
        tables.delete(id)
      }),
    pointer: (model) => ifOpen(() => pointers.get(model)),
    promote: (pointer, expected) =>
      ifOpen(() => {
        if ((pointers.get(pointer.model)?.active ?? null) !== expected) return false
        pointers.set(pointer.model, pointer)
        return true
      }),
    lease: (name, { ttlMs }) => ifOpen(() => leases.take(name, ttlMs)),
    leaseHolder: (name) => ifOpen(() => leases.holder(name)),
    skips: (model) =>
      ifOpen(() =>
        [...skips.values()]
          .filter((skip) => model === undefined || skip.model === model)
          .sort((a, b) => a.at - b.at),
      ),
    addSkip: (skip) =>
      ifOpen(() => {
        if (skips.has(skipId(skip))) return false
        skips.set(skipId(skip), skip)
        return true
      }),
    removeSkip: (skip) => ifOpen(() => skips.delete(skipId(skip))),
    writeStatus: (source, status) =>
      ifOpen(() => void statuses.set(source, { source, writtenAt: now(), status })),
    statuses: () => ifOpen(() => [...statuses.values()].sort((a, b) => b.writtenAt - a.writtenAt)),
    close: async () => {
      closed = true
      leases.releaseAll()
      await Promise.allSettled(commits)
    },
  }
}

const infosOf = (tables: ReadonlyMap<string, Table>): readonly GenerationInfo[] =>
  Array.from(tables.values(), ({ info }) => info).sort((a, b) => a.createdAt - b.createdAt)

function tableOf(tables: ReadonlyMap<string, Table>, id: string): Table {
  const table = tables.get(id)
  if (table === undefined) throw new TradelogError('GENERATION_DROPPED', `no generation ${id}`)
  return table
}

/** The leases of one process. `held` also renews the lease. */
function leasesOf({ leases }: MemoryDatabase, now: () => number) {
  const holder = {}
  const isFree = (row: LeaseRow | undefined) =>
    row === undefined || row.holder === undefined || row.expiresAt <= now()

  const leaseOf = (name: string, fence: number, ttlMs: number): Lease => {
    const mine = () => {
      const row = leases.get(name)
      return row?.holder === holder && row.fence === fence ? row : undefined
    }
    return {
      name,
      held: async () => {
        const row = mine()
        if (row !== undefined) row.expiresAt = now() + ttlMs
        return row !== undefined
      },
      release: async () => {
        const row = mine()
        if (row !== undefined) row.holder = undefined
      },
    }
  }

  return {
    take: (name: string, ttlMs: number): Lease | undefined => {
      const row = leases.get(name)
      if (!isFree(row)) return undefined
      const fence = (row?.fence ?? 0) + 1
      leases.set(name, { holder, fence, expiresAt: now() + ttlMs })
      return leaseOf(name, fence, ttlMs)
    },
    holder: (name: string) => (isFree(leases.get(name)) ? undefined : 'another process'),
    releaseAll: () => {
      for (const row of leases.values()) if (row.holder === holder) row.holder = undefined
    },
  }
}
