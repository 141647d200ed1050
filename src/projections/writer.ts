import { TradelogError } from '../domain/errors.ts'
import type { EventType } from '../domain/event.ts'
import type { LogRecord, RecordedEvent } from '../domain/recorded-event.ts'
import type { Slice } from '../event-store/event-store.ts'
import type { Key } from '../read-model-store/key.ts'
import type {
  Checkpoint,
  Commit,
  Generation,
  PartitionCheckpoint,
} from '../read-model-store/read-model-store.ts'
import { crashPoint } from '../runtime/crash-point.ts'
import { type FoldedRow, foldSeries, foldState, touchedRows, writesOf } from './fold.ts'
import type { Projection, SeriesProjection, StateProjection } from './projection.ts'

/** Applies slices of the log to one generation, each exactly once: live, in a replay, anywhere. */
export type GenerationWriter = Readonly<{
  /**
   * Reads the stored checkpoint and forgets every cached row. To be called before the first slice,
   * after every failed `apply`, and whenever partitions have been given out anew.
   */
  restart: () => Promise<Checkpoint>
  /** Where each partition stands after the last successful `apply`. */
  checkpoint: () => Checkpoint
  /**
   * Folds and commits one slice. Rejects with `CHECKPOINT_MOVED` where somebody else has written,
   * and with `EVENT_UNREADABLE` at such an event, after committing what stands before it.
   */
  apply: (slice: Slice & { origin: string }) => Promise<void>
}>

/** Rows kept from batch to batch; beyond this many all are dropped and read again when needed. */
const cachedRowsMax = 20_000

export const createWriter = (projection: Projection, generation: Generation): GenerationWriter => {
  const prepare =
    projection.kind === 'series' ? prepareSeries(projection) : prepareState(projection, generation)
  let checkpoint = new Map<number, PartitionCheckpoint>()

  const commit = async (slice: Slice & { origin: string }, events: readonly RecordedEvent[]) => {
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

  return {
    restart: async () => {
      prepare.forget()
      checkpoint = new Map(await generation.checkpoint())
      crashPoint('fold:restarted')
      return checkpoint
    },
    checkpoint: () => checkpoint,
    apply: async (slice) => {
      const { events, unreadable } = readable(projection, slice.events)
      const to = unreadable?.offset ?? slice.to
      if (to > slice.from) await commit({ ...slice, to }, events)
      if (unreadable !== undefined) throw eventUnreadable(projection.name, unreadable)
    },
  }
}

type Prepared = Readonly<{ rows: Commit['rows']; committed: () => void }>
type Preparation = Readonly<{
  rows: (partition: number, events: readonly RecordedEvent[]) => Promise<Prepared>
  forget: () => void
}>

const prepareSeries = (projection: SeriesProjection): Preparation => ({
  rows: async (_partition, events) => ({
    rows: { kind: 'series', writes: foldSeries(projection, events) },
    committed: () => {},
  }),
  forget: () => {},
})

const prepareState = (
  projection: StateProjection<unknown>,
  generation: Generation,
): Preparation => {
  const cache = new Map<Key, FoldedRow<unknown>>()
  const stored = (key: Key) => cache.get(key)

  const fill = async (keys: readonly Key[]) => {
    const missing = keys.filter((key) => !cache.has(key))
    if (missing.length === 0) return
    crashPoint('fold:rows-missing')
    for (const row of await generation.read(missing)) {
      if (row === undefined) continue
      const { key, value, guard, count } = row
      cache.set(key, { state: projection.load(value), guard: guard ?? '', count: count ?? 0 })
    }
  }

  return {
    rows: async (partition, events) => {
      const touched = touchedRows(projection, events)
      if (cache.size > cachedRowsMax) cache.clear()
      await fill([...touched.keys()])
      crashPoint('fold:rows-read')
      const folded = foldState(projection, partition, touched, stored)
      return {
        rows: { kind: 'state', writes: writesOf(projection, folded, stored) },
        committed: () => {
          for (const [key, row] of folded) cache.set(key, row)
        },
      }
    },
    forget: () => cache.clear(),
  }
}

/** The events that the projection names, up to the first that nobody can read. */
const readable = (projection: Projection, records: readonly LogRecord[]) => {
  const named: readonly EventType[] = projection.events
  const events: RecordedEvent[] = []
  for (const record of records) {
    if (record.event.type === 'Unreadable') {
      return { events, unreadable: { ...record, event: record.event } }
    }
    if (named.includes(record.event.type)) events.push(record as RecordedEvent)
  }
  return { events, unreadable: undefined }
}

const checkpointMoved = (model: string, { partition, from }: Slice) =>
  new TradelogError('CHECKPOINT_MOVED', `${model}: another process wrote partition ${partition}`, {
    fields: { model, partition, from },
  })

const eventUnreadable = (
  model: string,
  { partition, offset, event }: { partition: number; offset: number; event: { reason: string } },
) =>
  new TradelogError(
    'EVENT_UNREADABLE',
    `${model} stopped at partition ${partition}, offset ${offset}: ${event.reason}`,
    { fields: { model, partition, offset, reason: event.reason } },
  )
