import { TradelogError } from '../domain/errors.ts'
import type { EventType } from '../domain/event.ts'
import type { RecordedEvent } from '../domain/recorded-event.ts'
import type { Slice } from '../event-store/event-store.ts'
import type { Key } from '../read-model-store/key.ts'
import type {
  Checkpoint,
  Commit,
  Generation,
  PartitionCheckpoint,
  ReadModelStore,
} from '../read-model-store/read-model-store.ts'
import { crashPoint } from '../runtime/crash-point.ts'
import { foldSeries, foldState, touchedRows } from './fold.ts'
import type { Projection, SeriesProjection, StateProjection } from './projection.ts'
import { createRowCache } from './row-cache.ts'
import {
  FoldFailure,
  type LogPosition,
  notApplicable,
  runFold,
  type Stop,
  unreadable,
} from './stop.ts'

/** Applies slices of the log to one generation, each exactly once, live or in a replay. */
export type GenerationWriter = Readonly<{
  /**
   * Reads the stored checkpoint and drops every cached row. To be called before the first slice,
   * after every failed `apply`, and whenever partitions are assigned.
   */
  restart: () => Promise<Checkpoint>
  /** The checkpoint after the last successful `apply`. */
  checkpoint: () => Checkpoint
  /**
   * Folds and commits one slice, without its skipped events. Rejects with `CHECKPOINT_MOVED` if
   * another process has written. Rejects with `EVENT_UNREADABLE` or `EVENT_NOT_APPLICABLE` at such
   * an event, after committing the events before it.
   */
  apply: (slice: Slice & { origin: string }) => Promise<void>
}>

/** At least so many rows are kept from batch to batch; others are read again when needed. */
const cachedRows = 10_000

export function createWriter(
  projection: Projection,
  generation: Generation,
  store: Pick<ReadModelStore, 'skips'>,
): GenerationWriter {
  const prepare =
    projection.kind === 'series' ? prepareSeries(projection) : prepareState(projection, generation)
  let checkpoint = new Map<number, PartitionCheckpoint>()
  let skipped: ReadonlySet<string> = new Set()

  const commit = async (slice: LogSlice, events: readonly RecordedEvent[]) => {
    const { partition, from, to, origin } = slice
    const before = checkpoint.get(partition) ?? { next: 0, applied: 0 }
    if (before.next !== from) throw checkpointMoved(projection.name, slice)
    const applied = before.applied + events.length
    const { rows, committed } = await prepare.rows(partition, events)
    crashPoint('fold:folded')
    const result = await generation.commit({ partition, from, to, applied, origin, rows })
    crashPoint('fold:committed')
    if (result === 'moved') throw checkpointMoved(projection.name, slice)
    committed()
    checkpoint.set(partition, { next: to, applied, origin })
  }
  /** Commits the events before the one that stops the model, then throws the reason. */
  const applyUpTo = async (slice: LogSlice, events: readonly RecordedEvent[], stop?: Stop) => {
    const to = stop?.offset ?? slice.to
    if (to > slice.from) await commit({ ...slice, to }, events)
    if (stop !== undefined) throw stop.error
  }

  return {
    restart: async () => {
      prepare.forget()
      skipped = new Set((await store.skips(projection.name)).map(textOf))
      checkpoint = new Map(await generation.checkpoint())
      crashPoint('fold:restarted')
      return checkpoint
    },
    checkpoint: () => checkpoint,
    apply: async (slice) => {
      const { events, stop } = readable(projection, slice, skipped)
      try {
        await applyUpTo(slice, events, stop)
      } catch (error) {
        if (!(error instanceof FoldFailure)) throw error
        const before = await countFoldable(prepare, slice.partition, events)
        const offset = events[before]?.offset ?? slice.from
        const { partition, origin } = slice
        const stop = notApplicable(projection.name, { partition, offset, origin }, error)
        await applyUpTo(slice, events.slice(0, before), stop)
      }
    },
  }
}

type LogSlice = Slice & Readonly<{ origin: string }>

const textOf = ({ partition, offset, origin }: LogPosition) => `${partition}:${offset}:${origin}`

type Prepared = Readonly<{ rows: Commit['rows']; committed: () => void }>
type Preparation = Readonly<{
  rows: (partition: number, events: readonly RecordedEvent[]) => Promise<Prepared>
  forget: () => void
}>

const prepareSeries = (projection: SeriesProjection): Preparation => ({
  rows: async (_partition, events) => ({
    rows: { kind: 'series', writes: runFold(() => foldSeries(projection, events)) },
    committed: () => {},
  }),
  forget: () => {},
})

function prepareState(projection: StateProjection, generation: Generation): Preparation {
  const cache = createRowCache(cachedRows)

  const fill = async (keys: readonly Key[]) => {
    const missing = keys.filter((key) => cache.get(key) === undefined)
    if (missing.length === 0) return
    crashPoint('fold:rows-missing')
    for (const row of await generation.read(missing)) {
      if (row === undefined) continue
      const { key, value, guard, count } = row
      cache.set(key, { value, guard: guard ?? '', count: count ?? 0 })
    }
  }

  return {
    rows: async (partition, events) => {
      const touched = runFold(() => touchedRows(projection, events))
      cache.evict()
      await fill(touched.rows.map(({ key }) => key))
      crashPoint('fold:rows-read')
      const writes = runFold(() => foldState(projection, partition, events, touched, cache.get))
      return {
        rows: { kind: 'state', writes },
        committed: () => {
          for (const { key, value, guard, count } of writes) cache.set(key, { value, guard, count })
        },
      }
    },
    forget: cache.clear,
  }
}

/** How many events precede the first that can't be folded: found by bisection. */
async function countFoldable(
  prepare: Preparation,
  partition: number,
  events: readonly RecordedEvent[],
): Promise<number> {
  let whole = 0
  let failing = events.length
  while (failing - whole > 1) {
    const middle = Math.floor((whole + failing) / 2)
    try {
      await prepare.rows(partition, events.slice(0, middle))
      whole = middle
    } catch (error) {
      if (!(error instanceof FoldFailure)) throw error
      failing = middle
    }
  }
  return whole
}

/** The events to fold, without skipped ones, up to the first that can't be read. */
function readable(
  projection: Projection,
  { partition, events: records, origin }: LogSlice,
  skipped: ReadonlySet<string>,
): Readonly<{ events: readonly RecordedEvent[]; stop?: Stop }> {
  const named: readonly EventType[] = projection.events
  const events: RecordedEvent[] = []
  for (const record of records) {
    const { offset, event } = record
    if (skipped.size > 0 && skipped.has(textOf({ partition, offset, origin }))) continue
    if (event.type === 'Unreadable') {
      const at = { partition, offset, origin }
      return { events, stop: unreadable(projection.name, at, event.reason) }
    }
    if (named.includes(event.type)) events.push(record as RecordedEvent)
  }
  return { events }
}

const checkpointMoved = (model: string, { partition, from }: Slice) =>
  new TradelogError('CHECKPOINT_MOVED', `${model}: another process wrote partition ${partition}`, {
    fields: { model, partition, from },
  })
