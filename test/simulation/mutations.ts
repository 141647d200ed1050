import type { Commit } from '../../src/read-model-store/read-model-store.ts'
import type { Table } from '../support/memory-generation.ts'
import type { Mutation } from './stores.ts'

/** Faults that a store or an engine could have. Each must show within a few seeds. */
export const mutations: Readonly<Record<string, Mutation>> = {
  'a commit that ignores the checkpoint': (generation, { table }) => ({
    ...generation,
    commit: (commit) =>
      generation.commit({ ...unguarded(commit, table), from: nextOf(table, commit.partition) }),
  }),

  'a commit that ignores what has gone into a row': (generation, { table }) => ({
    ...generation,
    commit: (commit) => generation.commit(unguarded(commit, table)),
  }),

  'a checkpoint moved before its rows are written': (generation, { world }) => ({
    ...generation,
    commit: async (commit) => {
      const { kind } = commit.rows
      const moved = await generation.commit({ ...commit, rows: { kind, writes: [] } })
      if (moved === 'moved' || world.plan.isTransactional) return moved
      return generation.commit({ ...commit, from: commit.to })
    },
  }),

  'rows cached for ever, also after others have written': (generation) => {
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
  },

  'a promotion that does not look at the active checkpoint': (generation, { world, actor }) => ({
    ...generation,
    checkpoint: async () => {
      const checkpoint = await generation.checkpoint()
      const { id, model } = generation.info
      const isActive = world.database.pointers.get(model)?.active === id
      return isActive && actor.name.startsWith('replay') ? new Map() : checkpoint
    },
  }),

  'a store that says it has written what it has not': (generation, { world }) => ({
    ...generation,
    commit: (commit) =>
      world.scheduler.choose(50) === 0
        ? generation.commit({ ...commit, rows: { kind: commit.rows.kind, writes: [] } })
        : generation.commit(commit),
  }),
}

const nextOf = (table: Table, partition: number) => table.checkpoint.get(partition)?.next ?? 0

/** The same commit, as if its rows had been folded from those that are stored now. */
const unguarded = (commit: Commit, { rows }: Table): Commit => {
  if (commit.rows.kind === 'series') return commit
  const writes = commit.rows.writes.map((write) => {
    return { ...write, expected: rows.get(write.key)?.guard ?? null }
  })
  return { ...commit, rows: { kind: 'state', writes } }
}
