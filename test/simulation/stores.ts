import type { EventStore } from '../../src/event-store/event-store.ts'
import type {
  Checkpoint,
  Generation,
  Lease,
  ReadModelStore,
} from '../../src/read-model-store/read-model-store.ts'
import {
  type MemoryLog,
  openMemoryEventStore,
  type Perform,
} from '../support/memory-event-store.ts'
import { memoryGeneration, type Table } from '../support/memory-generation.ts'
import { openMemoryReadModelStore } from '../support/memory-read-model-store.ts'
import type { Actor } from './scheduler.ts'
import type { World } from './world.ts'

/** A fault put into a store on purpose, to check that it is found. */
export type Mutation = Readonly<{
  generation?: (
    generation: Generation,
    context: Readonly<{ table: Table; world: World; actor: Actor }>,
  ) => Generation
  eventStore?: (
    store: EventStore,
    context: Readonly<{ world: World; open: (owner: object, log?: MemoryLog) => EventStore }>,
  ) => EventStore
}>

export function eventStoreOf(world: World, actor: Actor, { eventStore }: Mutation): EventStore {
  const { gapsBelow, appendsInParts: inParts } = world.plan
  const perform: Perform = (label, effect) => world.perform(actor, label, effect)
  const open = (owner: object, log = world.log) =>
    openMemoryEventStore({ log, gapsBelow, inParts, perform, owner })
  const store = open(actor)
  return eventStore?.(store, { world, open }) ?? store
}

/** The read-model store as one process sees it: the scheduler runs every operation. */
export function readModelStoreOf(world: World, actor: Actor, mutation: Mutation): ReadModelStore {
  const { database, plan, scheduler } = world
  const perform: Perform = (label, effect) => world.perform(actor, label, effect)
  const store = openMemoryReadModelStore({
    database,
    now: scheduler.now,
    newId: (model, at) => `${model}-${at}-${Math.floor(scheduler.random() * 1e9)}`,
    beforeWrite: plan.isTransactional ? () => {} : () => perform('write', () => {}),
    chooseWrite: plan.isUnordered ? scheduler.choose : undefined,
  })
  const handle = (inner: Generation): Generation => {
    const table = database.tables.get(inner.info.id)
    if (table === undefined) return inner
    const generation = simulatedGeneration(world, actor, inner, table)
    return mutation.generation?.(generation, { table, world, actor }) ?? generation
  }
  const seen = new Map<string, Checkpoint | undefined>()

  return {
    ...store,
    generations: (model) =>
      perform('generations', () => earlierOr(world, actor, store).generations(model)),
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
        const pointer = await earlierOr(world, actor, store).pointer(model)
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

/** An earlier copy of the store if a failover makes this read stale. */
function earlierOr(world: World, actor: Actor, store: ReadModelStore): ReadModelStore {
  const database = world.staleCopy(actor)
  return database === undefined ? store : openMemoryReadModelStore({ database })
}

function simulatedGeneration(
  world: World,
  actor: Actor,
  inner: Generation,
  table: Table,
): Generation {
  const { isTransactional } = world.plan
  const perform: Perform = (label, effect) => world.perform(actor, label, effect)
  const { info } = inner
  /** The generation, or an earlier copy. One without an earlier copy isn't shown as missing. */
  const earlierOrNow = (): Generation => {
    const earlier = world.staleCopy(actor)?.tables.get(info.id)
    if (earlier === undefined) return inner
    world.staleRead.add(info.id)
    return memoryGeneration(earlier)
  }
  return {
    info,
    checkpoint: () => perform('checkpoint', () => earlierOrNow().checkpoint()),
    read: (keys, signal) => perform('read rows', () => earlierOrNow().read(keys, signal)),
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
    count: (signal) => perform('count', () => earlierOrNow().count(signal)),
    scan: async function* (options) {
      await perform('scan', () => {})
      yield* inner.scan(options)
    },
  }
}

/** A timer of its process renews it: a process that hangs for long loses it. */
function renewed(lease: Lease, ttlMs: number, perform: Perform): Lease {
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
