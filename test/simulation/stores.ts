import type { EventStore } from '../../src/event-store/event-store.ts'
import type {
  Checkpoint,
  Generation,
  Lease,
  ReadModelStore,
} from '../../src/read-model-store/read-model-store.ts'
import { openMemoryEventStore, type Perform } from '../support/memory-event-store.ts'
import type { Table } from '../support/memory-generation.ts'
import { openMemoryReadModelStore } from '../support/memory-read-model-store.ts'
import type { Actor } from './scheduler.ts'
import type { World } from './world.ts'

/** Puts a fault into a store on purpose, to see that it is found. */
export type Mutation = (
  generation: Generation,
  context: Readonly<{ table: Table; world: World; actor: Actor }>,
) => Generation

export const eventStoreOf = (world: World, actor: Actor): EventStore =>
  openMemoryEventStore({
    log: world.log,
    gapsBelow: world.plan.gapsBelow,
    perform: (label, effect) => world.perform(actor, label, effect),
    owner: actor,
  })

/** The read-model store as one process sees it: every operation in the scheduler's hands. */
export const readModelStoreOf = (world: World, actor: Actor, mutate: Mutation): ReadModelStore => {
  const { database, plan, scheduler } = world
  const perform: Perform = (label, effect) => world.perform(actor, label, effect)
  const store = openMemoryReadModelStore({
    database,
    now: scheduler.now,
    newId: (model, at) => `${model}-${at}-${Math.floor(scheduler.random() * 1e9)}`,
    beforeWrite: plan.isTransactional ? () => {} : () => perform('write', () => {}),
  })
  const handle = (inner: Generation): Generation => {
    const table = database.tables.get(inner.info.id)
    if (table === undefined) return inner
    const generation = simulatedGeneration(inner, table, plan.isTransactional, perform)
    return mutate(generation, { table, world, actor })
  }
  const seen = new Map<string, Checkpoint | undefined>()

  return {
    ...store,
    generations: (model) => perform('generations', () => store.generations(model)),
    create: (options) => perform('create', async () => handle(await store.create(options))),
    open: (id) => perform('open', async () => handle(await store.open(id))),
    drop: (id) =>
      perform('drop', () => {
        for (const { active } of database.pointers.values()) {
          if (active === id) world.violations.push(`${id} was dropped while it was active`)
        }
        return store.drop(id)
      }),
    pointer: (model) =>
      perform('pointer', async () => {
        const pointer = await store.pointer(model)
        const active = database.tables.get(pointer?.active ?? '')
        seen.set(model, active && new Map(active.checkpoint))
        return pointer
      }),
    promote: (pointer, expected) =>
      perform(`promote ${pointer.active}`, async () => {
        const isPromoted = await store.promote(pointer, expected)
        if (isPromoted) world.promoted(pointer, seen.get(pointer.model))
        return isPromoted
      }),
    lease: async (name, options) => {
      const lease = await perform(`lease ${name}`, () => store.lease(name, options))
      return lease && renewed(lease, options.ttlMs, perform)
    },
    leaseHolder: (name) => perform('lease holder', () => store.leaseHolder(name)),
    skips: (model) => perform('skips', () => store.skips(model)),
    addSkip: (skip) => perform('add skip', () => store.addSkip(skip)),
    removeSkip: (skip) => perform('remove skip', () => store.removeSkip(skip)),
    writeStatus: (source, status) =>
      perform('write status', () => store.writeStatus(source, status)),
    statuses: () => perform('statuses', () => store.statuses()),
  }
}

const simulatedGeneration = (
  inner: Generation,
  table: Table,
  isTransactional: boolean,
  perform: Perform,
): Generation => ({
  info: inner.info,
  checkpoint: () => perform('checkpoint', () => inner.checkpoint()),
  read: (keys, signal) => perform('read rows', () => inner.read(keys, signal)),
  commit: (commit) =>
    perform(`commit ${commit.partition}:${commit.from}-${commit.to}`, async () => {
      const before = isTransactional ? [...table.rows] : []
      const result = await inner.commit(commit)
      if (result === 'moved' && isTransactional) {
        table.rows.clear()
        for (const [key, row] of before) table.rows.set(key, row)
      }
      return result
    }),
  page: (options) => perform('page', () => inner.page(options)),
  count: (signal) => perform('count', () => inner.count(signal)),
  scan: async function* (options) {
    await perform('scan', () => {})
    yield* inner.scan(options)
  },
})

/** Kept alive by a timer of its process: one that hangs for long loses it. */
const renewed = (lease: Lease, ttlMs: number, perform: Perform): Lease => {
  let isHeld = true
  const timer = setInterval(async () => {
    isHeld &&= await lease.held()
  }, ttlMs / 3)
  return {
    ...lease,
    held: () => perform('lease held', async () => isHeld && (await lease.held())),
    release: () => {
      clearInterval(timer)
      return perform('release', () => lease.release())
    },
  }
}
