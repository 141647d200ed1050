import type { TradelogEvent } from '../../src/domain/event.ts'
import type { RecordedEvent } from '../../src/domain/recorded-event.ts'
import type { Projection } from '../../src/projections/projection.ts'
import { readModels } from '../../src/projections/read-models/index.ts'
import { encodeKey, type Key } from '../../src/read-model-store/key.ts'
import type {
  Commit,
  Generation,
  ReadModelStore,
  StateWrite,
} from '../../src/read-model-store/read-model-store.ts'

export type LiveReadModels = Readonly<{
  /** Adds events to the log's partition 0 and to the active generation of every model. */
  record: (events: readonly TradelogEvent[]) => Promise<void>
  /** Builds the next generation of a model from offset zero, promotes it, drops the former. */
  rebuild: (model: string) => Promise<string>
}>

/** Every registered read model (or not yet any), built and updated without an event store. */
export async function liveReadModels(
  store: ReadModelStore,
  models: 'all' | 'none' = 'all',
): Promise<LiveReadModels> {
  const log: RecordedEvent[] = []
  const live = new Map<string, Fold>()
  const rebuild = async (name: string): Promise<string> => {
    const projection = named(name)
    const { version, kind } = projection
    const generation = await store.create({ model: name, version, kind })
    const fold = foldInto(generation, projection)
    await fold(log)
    live.set(name, fold)
    const active = generation.info.id
    const former = (await store.pointer(name))?.active ?? null
    const pointer = {
      model: name,
      active,
      newest: active,
      former,
      promotedAt: Date.now(),
      leftVersion: null,
    }
    await store.promote(pointer, former)
    if (former !== null) await store.drop(former)
    return active
  }
  if (models === 'all') for (const { name } of readModels) await rebuild(name)
  return {
    rebuild,
    record: async (events) => {
      const added = events.map((event, index) => ({
        partition: 0,
        offset: log.length + index,
        recordedAt: 0,
        event,
      }))
      log.push(...added)
      for (const fold of live.values()) await fold(added)
    },
  }
}

type Fold = (events: readonly RecordedEvent[]) => Promise<void>
type Folded = { state: unknown; guard: string; count: number }

function named(name: string): Projection {
  const projection = readModels.find((model) => model.name === name)
  if (projection === undefined) throw new Error(`no read model is called ${name}`)
  return projection
}

function foldInto(generation: Generation, projection: Projection): Fold {
  const states = new Map<Key, Folded>()
  let next = 0
  let applied = 0
  return async (events) => {
    if (events.length === 0) return
    const named = events.filter(({ event }) => projection.events.includes(event.type))
    const rows =
      projection.kind === 'series'
        ? seriesRows(projection, named)
        : stateRows(projection, named, states)
    const to = next + events.length
    applied += named.length
    const commit: Commit = { partition: 0, from: next, to, applied, origin: 'log', rows }
    if ((await generation.commit(commit)) !== 'committed') throw new Error('the checkpoint moved')
    next = to
  }
}

const seriesRows = (
  projection: Extract<Projection, { kind: 'series' }>,
  events: readonly RecordedEvent[],
): Commit['rows'] => ({
  kind: 'series',
  writes: events.map((recorded) => ({
    key: encodeKey([...projection.key(recorded), recorded.partition, recorded.offset]),
    value: projection.row(recorded),
  })),
})

function stateRows(
  projection: Extract<Projection, { kind: 'state' }>,
  events: readonly RecordedEvent[],
  states: Map<Key, Folded>,
): Commit['rows'] {
  const writes = new Map<Key, StateWrite>()
  for (const recorded of events) {
    for (const parts of projection.keys(recorded)) {
      const key = encodeKey(parts)
      const last = states.get(key)
      const state = projection.evolve(last?.state ?? projection.initial(parts), recorded)
      const guard = `${recorded.partition}:${recorded.offset}`
      const count = (last?.count ?? 0) + 1
      const expected = writes.has(key) ? (writes.get(key)?.expected ?? null) : (last?.guard ?? null)
      states.set(key, { state, guard, count })
      writes.set(key, { key, value: projection.store(state), guard, count, expected })
    }
  }
  return { kind: 'state', writes: [...writes.values()] }
}
