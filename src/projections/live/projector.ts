import { defer, mergeMap, type Observable, retry, takeUntil, tap, throwError, timer } from 'rxjs'
import { hasCode, isRetriable } from '../../domain/errors.ts'
import type { Batch, EventStore, PartitionBounds } from '../../event-store/event-store.ts'
import type {
  Checkpoint,
  Generation,
  ReadModelStore,
} from '../../read-model-store/read-model-store.ts'
import { backoffMs, countFailures } from '../../runtime/backoff.ts'
import { crashPoint } from '../../runtime/crash-point.ts'
import { checkLog } from '../log-check.ts'
import type { Projection } from '../projection.ts'
import { createWriter, type GenerationWriter } from '../writer.ts'

/** Called with what a projector does, for logs and status. */
type ProjectorWatch = Readonly<{
  assigned: (partitions: readonly PartitionBounds[], checkpoint: Checkpoint) => void
  /** A batch has arrived. It may wait for those of other partitions. */
  received: (batch: Batch) => void
  applying: (batch: Batch) => void
  applied: (batch: Batch) => void
  /** `failures` in a row, this one included. */
  retrying: (error: unknown, retry: Readonly<{ failures: number; delayMs: number }>) => void
}>

type ProjectorOptions = Readonly<{
  projection: Projection
  generation: Generation
  eventStore: EventStore
  readModelStore: Pick<ReadModelStore, 'skips'>
  batchEventsMax: number
  /** Its first value ends the projector, after the batches in flight. */
  until: Observable<unknown>
  watch: ProjectorWatch
}>

/**
 * The running pipeline of one projection: reads batches from the stored checkpoint on. Each is
 * folded and committed before it is acknowledged, so the log sends at most one per partition ahead.
 * Emits the checkpoint after every commit. A retriable error restarts it at the stored checkpoint;
 * keys and guards make half-written rows harmless. Any other error needs a person and ends it.
 */
export function projector(options: ProjectorOptions): Observable<Checkpoint> {
  const { projection, generation, eventStore, readModelStore, batchEventsMax, until, watch } =
    options
  const row = countFailures()
  return defer(() => {
    const writer = createWriter(projection, generation, readModelStore)
    return eventStore
      .batches({
        group: generation.info.id,
        startFrom: positionOf(options, writer),
        batchEventsMax,
      })
      .pipe(
        takeUntil(until),
        tap(watch.received),
        mergeMap(foldCommitAck(writer, watch), concurrency(projection)),
        tap(row.works),
      )
  }).pipe(
    retry({
      delay: (error, sinceCommit) => {
        if (!isRetriable(error)) return throwError(() => error)
        // Another process has committed: no fault, so one commit of ours ends that row.
        const failures = hasCode(error, 'CHECKPOINT_MOVED') ? sinceCommit : row.failed()
        const delayMs = backoffMs(failures)
        watch.retrying(error, { failures, delayMs })
        return timer(delayMs).pipe(takeUntil(until))
      },
      resetOnSuccess: true,
    }),
  )
}

const foldCommitAck = (writer: GenerationWriter, watch: ProjectorWatch) => async (batch: Batch) => {
  watch.applying(batch)
  await writer.apply(batch)
  crashPoint('fold:applied')
  watch.applied(batch)
  batch.ack()
  return writer.checkpoint()
}

/** Partitions may share rows of a state, so its batches are applied one at a time. */
const concurrency = (projection: Projection) => (projection.kind === 'series' ? Infinity : 1)

/** Only the stored checkpoint decides where to read from. It is read at every assignment. */
const positionOf =
  ({ projection, eventStore, watch }: ProjectorOptions, writer: GenerationWriter) =>
  async (assigned: readonly PartitionBounds[]) => {
    const checkpoint = await writer.restart()
    const partitions = new Set(assigned.map(({ partition }) => partition))
    // Read after the checkpoint: the heads of the assignment may be older than it.
    const bounds = (await eventStore.heads()).filter(({ partition }) => partitions.has(partition))
    crashPoint('fold:positioned')
    for (const each of bounds) checkLog(projection.name, checkpoint.get(each.partition), each)
    watch.assigned(bounds, checkpoint)
    return new Map(bounds.map(({ partition: p }) => [p, checkpoint.get(p)?.next ?? 0]))
  }
