import { readModels } from '../../src/projections/read-models/index.ts'
import type { Commit, StoredRow } from '../../src/read-model-store/read-model-store.ts'
import type { Table } from '../support/memory-generation.ts'
import type { Plan } from './plan.ts'
import type { Mutation } from './stores.ts'

/** A fault of a store or an engine, and the plan that must reveal it, if only one does. */
export type Mistake = Readonly<{ mutation: Mutation; plan?: (of: Plan) => Plan }>

const ofGeneration = (
  generation: NonNullable<Mutation['generation']>,
  plan?: Mistake['plan'],
): Mistake => ({ mutation: { generation }, ...(plan && { plan }) })

const ofEventStore = (
  eventStore: NonNullable<Mutation['eventStore']>,
  plan?: Mistake['plan'],
): Mistake => ({ mutation: { eventStore }, ...(plan && { plan }) })

/** A plan with these disturbances only: they alone must reveal the mistake. */
const only =
  (some: Partial<Plan>) =>
  (of: Plan): Plan => ({ ...of, ...calm, ...some })

const calm: Partial<Plan> = {
  projectors: 1,
  ingests: 1,
  isTransactional: true,
  isUnordered: false,
  appendsInParts: false,
  faultRate: 0,
  repeatRate: 0,
  staleReads: 0,
  slowRate: 0,
  crashes: 0,
  hangs: 0,
  rebalances: 0,
}

const blindly: NonNullable<Mutation['generation']> = (generation, { table }) => ({
  ...generation,
  commit: (commit) =>
    generation.commit({ ...unguarded(commit, table), from: nextOf(table, commit.partition) }),
})

/** One model and its readers, undisturbed. */
const watched = (model: string) => (of: Plan) => ({
  ...only({ readers: 2, commands: [] })(of),
  projections: readModels.filter(({ name }) => name === model),
})

/** Faults that a store or an engine could have. Each must be found within a few seeds. */
export const mutations: Readonly<Record<string, Mistake>> = {
  'a commit that ignores the checkpoint': ofGeneration(blindly),

  'a log that appends again what a driver repeats': ofEventStore(
    (store, { world: { log }, open }) => {
      const forgetful = Object.assign(new Set<never>(), { has: () => false })
      return { ...store, append: open({}, { ...log, appended: forgetful }).append }
    },
    only({ repeatRate: 0.2 }),
  ),

  'the same if a read is stale after a failover': ofGeneration(
    blindly,
    only({ staleReads: 20, rebalances: 8, commands: [] }),
  ),

  'a batch taken as written if its last row is, though rows are written in no order': ofGeneration(
    (generation, { table }) => ({
      ...generation,
      commit: (commit) => {
        const { kind, writes } = commit.rows
        const last = writes.at(-1)
        const isThere = kind === 'series' && last !== undefined && table.rows.has(last.key)
        return generation.commit(isThere ? { ...commit, rows: { kind, writes: [] } } : commit)
      },
    }),
    only({ isTransactional: false, isUnordered: true, faultRate: 0.05, batchEventsMax: 6 }),
  ),

  'one checkpoint for all partitions, though one may be behind': ofGeneration((generation) => ({
    ...generation,
    checkpoint: async () => {
      const checkpoint = await generation.checkpoint()
      const next = Math.max(0, ...Array.from(checkpoint.values(), (of) => of.next))
      return new Map(Array.from(checkpoint, ([partition, of]) => [partition, { ...of, next }]))
    },
  })),

  'a log that takes a repeated append as another one': ofEventStore(
    (store) => ({ ...store, append: (events) => store.append([...events]) }),
    only({ faultRate: 0.05 }),
  ),

  'a log that reports a part of an append as all of it': ofEventStore(
    (store) => ({ ...store, append: (events) => store.append(events).catch(() => {}) }),
    only({ appendsInParts: true, faultRate: 0.05 }),
  ),

  'a log that accepts appends of an ingest that is no longer elected': ofEventStore(
    (store, { open }) => ({ ...store, append: open({}).append }),
    only({ feedRows: 20, ingests: 2, hangs: 12, slowRate: 0.3, readers: 0, commands: [] }),
  ),

  'pages counted from the newest row, which moves': ofGeneration((generation, { actor }) => {
    let walk = { to: '', keys: [] as string[] }
    return {
      ...generation,
      page: async (options) => {
        if (!actor.name.startsWith('reader')) return generation.page(options)
        if (!walk.keys.includes(options.to)) walk = { to: options.to, keys: [] }
        const { length } = walk.keys
        const all = await generation.page({ ...options, to: walk.to, limit: 1_000 })
        const rows = all.slice(length, length + options.limit)
        walk.keys.push(...rows.slice(0, options.limit - 1).map(({ key }) => key))
        return rows
      },
    }
  }, watched('trades')),

  'stale rows shown to readers': ofGeneration((generation, { actor, world }) => {
    let earlier: readonly StoredRow[] | undefined
    return {
      ...generation,
      scan: async function* (options) {
        const isOld = actor.name.startsWith('reader') && world.scheduler.choose(2) === 0
        for await (const rows of generation.scan(options)) {
          earlier ??= rows
          yield isOld ? earlier : rows
        }
      },
    }
  }, watched('symbols')),

  'a commit that ignores the guard of a row': ofGeneration((generation, { table }) => ({
    ...generation,
    commit: (commit) => generation.commit(unguarded(commit, table)),
  })),

  'a checkpoint moved before its rows are written': ofGeneration((generation, { world }) => ({
    ...generation,
    commit: async (commit) => {
      const { kind } = commit.rows
      const moved = await generation.commit({ ...commit, rows: { kind, writes: [] } })
      if (moved === 'moved' || world.plan.isTransactional) return moved
      return generation.commit({ ...commit, from: commit.to })
    },
  })),

  'rows cached for ever, also after another process has written': ofGeneration((generation) => {
    const cache = new Map<string, Promise<unknown>>()
    return {
      ...generation,
      read: async (keys) => {
        for (const key of keys) {
          if (!cache.has(key))
            cache.set(
              key,
              generation.read([key]).then(([row]) => row),
            )
        }
        return Promise.all(keys.map((key) => cache.get(key))) as ReturnType<typeof generation.read>
      },
    }
  }),

  'a promotion that ignores the active checkpoint': ofGeneration(
    (generation, { world, actor }) => ({
      ...generation,
      checkpoint: async () => {
        const checkpoint = await generation.checkpoint()
        const { id, model } = generation.info
        const isActive = world.database.pointers.get(model)?.active === id
        return isActive && actor.name.startsWith('replay') ? new Map() : checkpoint
      },
    }),
  ),

  'a store that reports rows as written that are not': ofGeneration((generation, { world }) => ({
    ...generation,
    commit: (commit) =>
      world.scheduler.choose(50) === 0
        ? generation.commit({ ...commit, rows: { kind: commit.rows.kind, writes: [] } })
        : generation.commit(commit),
  })),
}

const nextOf = (table: Table, partition: number) => table.checkpoint.get(partition)?.next ?? 0

/** The same commit, as if its rows had been folded from the rows that are stored now. */
function unguarded(commit: Commit, { rows }: Table): Commit {
  if (commit.rows.kind === 'series') return commit
  const writes = commit.rows.writes.map((write) => {
    return { ...write, expected: rows.get(write.key)?.guard ?? null }
  })
  return { ...commit, rows: { kind: 'state', writes } }
}
