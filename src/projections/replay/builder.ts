import { setImmediate as nextTurn } from 'node:timers/promises'
import { TradelogError } from '../../domain/errors.ts'
import type { EventStore, PartitionBounds, Slice } from '../../event-store/event-store.ts'
import type {
  Checkpoint,
  Generation,
  ReadModelStore,
} from '../../read-model-store/read-model-store.ts'
import { allEnded } from '../../runtime/all-ended.ts'
import { crashPoint } from '../../runtime/crash-point.ts'
import { checkLog } from '../log-check.ts'
import type { Projection } from '../projection.ts'
import { createWriter, type GenerationWriter } from '../writer.ts'

/**
 * Partitions folded at once: while one waits for its commit, another folds. With more, the batches
 * in flight outgrow V8's young generation and are copied over and over.
 */
const partitionsAtOnce = 2

/** A generation that is brought up to date without a consumer group. */
export type Build = Readonly<{ projection: Projection; generation: Generation }>

export type BuilderOptions = Readonly<{
  builds: readonly Build[]
  eventStore: EventStore
  readModelStore: Pick<ReadModelStore, 'skips'>
  batchEventsMax: number
  signal: AbortSignal
  /** Called after every slice that is applied to a build. */
  onApplied: (model: string, events: number) => void
  /** All partitions if not given. */
  partitions?: ReadonlySet<number>
  /** Folds the bulk of a long log; the remainder is folded here. */
  foldInThreads?: FoldInThreads | undefined
}>

/**
 * Brings generations up to the heads of the log in other threads, which open the stores themselves.
 * If one fails, rejects with its error when all have ended.
 */
export type FoldInThreads = (
  work: Pick<BuilderOptions, 'signal' | 'onApplied'> &
    Readonly<{
      /** The generation's id by its model. */
      generations: ReadonlyMap<string, string>
      /** How many events each partition is behind. */
      behind: ReadonlyMap<number, number>
    }>,
) => Promise<void>

/** For fewer events, starting threads takes longer than folding. */
export const threadsFromEvents = 50_000

/** Folds the log into several generations; every event is fetched and decoded only once. */
export type Builder = Readonly<{
  /** Folds from the checkpoints up to the heads as they are when called. */
  catchUp: () => Promise<void>
  checkpoint: (model: string) => Checkpoint
  /** Stops folding a model, as projectors write it from now on. */
  release: (model: string) => void
}>

/** Rejects if the log doesn't fit the checkpoints or has lost its beginning. */
export async function openBuilder(options: BuilderOptions): Promise<Builder> {
  const { builds, eventStore, readModelStore } = options
  const writers = new Map<string, GenerationWriter>()
  for (const { projection, generation } of builds) {
    const writer = oneAtATime(projection, createWriter(projection, generation, readModelStore))
    const checkpoint = await writer.restart()
    for (const bounds of await eventStore.heads()) {
      checkBeginning(projection.name, bounds)
      checkLog(projection.name, checkpoint.get(bounds.partition), bounds)
    }
    crashPoint('replay:log-checked')
    writers.set(projection.name, writer)
  }
  return {
    catchUp: async () => {
      const { partitions } = options
      const waiting = (await eventStore.heads()).filter(
        ({ partition }) => partitions?.has(partition) ?? true,
      )
      crashPoint('replay:heads-read')
      await foldBulk(options, writers, waiting)
      const foldWaiting = async () => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          await foldPartition(options, writers, next)
        }
      }
      await allEnded(Array.from({ length: partitionsAtOnce }, foldWaiting))
    },
    checkpoint: (model) => writers.get(model)?.checkpoint() ?? new Map(),
    release: (model) => void writers.delete(model),
  }
}

const nextOf = (writer: GenerationWriter, partition: number): number =>
  writer.checkpoint().get(partition)?.next ?? 0

const earliest = (writers: ReadonlyMap<string, GenerationWriter>, partition: number): number =>
  Math.min(...Array.from(writers.values(), (writer) => nextOf(writer, partition)))

/** Folds in threads if there is much to fold, then reads the checkpoints that they committed. */
async function foldBulk(
  { builds, foldInThreads, signal, onApplied }: BuilderOptions,
  writers: ReadonlyMap<string, GenerationWriter>,
  bounds: readonly PartitionBounds[],
): Promise<void> {
  if (foldInThreads === undefined || writers.size === 0) return
  const behind = new Map(
    bounds.map(({ partition, head }) => [partition, head - earliest(writers, partition)]),
  )
  const events = Array.from(behind.values()).reduce((sum, count) => sum + count, 0)
  if (events < threadsFromEvents) return
  const ids = builds.map(({ generation: { info } }) => [info.model, info.id] as const)
  const generations = new Map(ids.filter(([model]) => writers.has(model)))
  await foldInThreads({ generations, behind, signal, onApplied })
  for (const writer of writers.values()) await writer.restart()
}

async function foldPartition(
  { eventStore, batchEventsMax, signal, onApplied }: BuilderOptions,
  writers: ReadonlyMap<string, GenerationWriter>,
  { partition, head, origin }: PartitionBounds,
): Promise<void> {
  if (writers.size === 0) return
  const from = earliest(writers, partition)
  if (origin === null || from >= head) return
  for await (const slice of eventStore.read({
    partition,
    from,
    to: head,
    batchEventsMax,
    signal,
  })) {
    signal.throwIfAborted()
    crashPoint('replay:slice-read')
    // All of them, as commits that went on after a failure would meet those of the next replay.
    await allEnded(
      Array.from(writers, async ([model, writer]) => {
        const rest = after(slice, nextOf(writer, partition))
        if (rest === undefined) return
        await writer.apply({ ...rest, origin })
        onApplied(model, rest.events.length)
      }),
    )
    crashPoint('replay:slice-applied')
    // The API and the live projectors of this process run between slices.
    await nextTurn()
  }
}

/** The part of a slice at or after an offset. */
function after(slice: Slice, from: number): Slice | undefined {
  if (from >= slice.to) return undefined
  if (from <= slice.from) return slice
  return { ...slice, from, events: slice.events.filter(({ offset }) => offset >= from) }
}

/** Partitions may share rows of a state, so its slices are applied one at a time. */
function oneAtATime(projection: Projection, writer: GenerationWriter): GenerationWriter {
  if (projection.kind === 'series') return writer
  let last: Promise<unknown> = Promise.resolve()
  return {
    ...writer,
    apply: (slice) => {
      const applied = last.then(() => writer.apply(slice))
      last = applied.catch(() => {})
      return applied
    },
  }
}

function checkBeginning(model: string, { partition, start }: PartitionBounds): void {
  if (start === 0) return
  throw new TradelogError(
    'LOG_TRUNCATED',
    `${model}: partition ${partition} of the log begins at offset ${start}, a read model can only ` +
      'be built from offset zero: restore the log from a backup and keep its retention unlimited',
    { fields: { model, partition, start } },
  )
}
