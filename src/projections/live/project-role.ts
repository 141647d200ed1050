import {
  catchError,
  concatMap,
  concatWith,
  defer,
  distinctUntilChanged,
  filter,
  lastValueFrom,
  merge,
  NEVER,
  type Observable,
  ReplaySubject,
  repeat,
  retry,
  shareReplay,
  switchMap,
  takeUntil,
  tap,
  throwError,
  timer,
} from 'rxjs'
import { hasCode, TradelogError } from '../../domain/errors.ts'
import type { EventStore } from '../../event-store/event-store.ts'
import type { Generation, ReadModelStore } from '../../read-model-store/read-model-store.ts'
import { backoffMs, countFailures, isLogged } from '../../runtime/backoff.ts'
import { closeOnce } from '../../runtime/close-once.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import type { Readiness } from '../../runtime/readiness.ts'
import { openActiveGeneration } from '../active-generation.ts'
import type { Projection } from '../projection.ts'
import type { FoldInThreads } from '../replay/builder.ts'
import { createMeter, type Meter } from '../report/meter.ts'
import { declareProjectionMetrics } from '../report/metrics.ts'
import { createReport } from '../report/report.ts'
import { createTracker, type Tracker } from '../report/tracker.ts'
import { untilSkipped } from '../skip.ts'
import { projector } from './projector.ts'
import { createQueue, type Enqueue, selfRebuild, wantsRebuild } from './self-rebuild.ts'

type ProjectRoleOptions = Readonly<{
  projections: readonly Projection[]
  eventStore: EventStore
  readModelStore: ReadModelStore
  batchEventsMax: number
  /** Names this process in the status rows. */
  processName: string
  metrics: Metrics
  logger: Logger
  /** For the replays that a deploy asks for. */
  foldInThreads?: FoldInThreads | undefined
}>

export type ProjectRole = Readonly<{
  /** Why the role isn't working, part by part. Empty if it is. */
  readiness: Readiness
  /** Ends after the batches in flight; a second call waits for the first. */
  close: () => Promise<void>
}>

/** How often a projector checks for a promotion. */
const followEveryMs = 500

/** One model of this process, and what tracks, measures and logs it. */
export type Model = Readonly<{
  projection: Projection
  tracker: Tracker
  meter: Meter
  logger: Logger
}>

/** Runs a projector for each model on its active generation, and reports on them. */
export function startProjectRole(options: ProjectRoleOptions): ProjectRole {
  const stop = new ReplaySubject<void>(1)
  const metrics = declareProjectionMetrics(options.metrics)
  const runs = options.projections.map((projection) => ({
    projection,
    tracker: createTracker(projection),
    meter: createMeter(metrics, projection.name),
    logger: options.logger.child({ component: projection.name }),
  }))
  const shared = { ...options, enqueue: createQueue() }
  const models = runs.map((run) => runModel(shared, run, stop))
  const report = createReport({ ...options, metrics }, runs)
  const running = [...models, report.running(stop)].map((part) =>
    lastValueFrom(part, { defaultValue: undefined }),
  )
  return {
    readiness: report.readiness,
    close: closeOnce(async () => {
      stop.next()
      await Promise.all(running)
    }),
  }
}

type Shared = ProjectRoleOptions & Readonly<{ enqueue: Enqueue }>

/** Follows the pointer of one model: a promotion ends the projector and starts the next. */
function runModel(options: Shared, model: Model, stop: Observable<void>): Observable<unknown> {
  const active = activeGenerations(options, model).pipe(
    takeUntil(stop),
    shareReplay({ bufferSize: 1, refCount: true }),
  )
  return active.pipe(
    concatMap((generation) => {
      const { id } = generation.info
      const until = merge(stop, active.pipe(filter(({ info }) => info.id !== id)))
      return runGeneration(options, { ...model, generation, until })
    }),
  )
}

const activeGenerations = (
  { readModelStore }: ProjectRoleOptions,
  { projection, logger }: Model,
): Observable<Generation> => {
  const row = countFailures()
  return defer(() => openActiveGeneration(readModelStore, projection)).pipe(
    repeat({ delay: followEveryMs }),
    tap(row.works),
    retry({
      delay: (error) => {
        const failures = row.failed()
        if (isLogged(failures)) logger.warn({ err: error, failures }, noActiveGeneration)
        return timer(backoffMs(failures))
      },
    }),
    distinctUntilChanged((a, b) => a.info.id === b.info.id),
  )
}

const noActiveGeneration = 'cannot read the active generation'

type Run = Model & Readonly<{ generation: Generation; until: Observable<unknown> }>

function runGeneration(options: Shared, run: Run): Observable<unknown> {
  const { projection, generation, until, tracker, meter, logger } = run
  const { eventStore, readModelStore, batchEventsMax } = options
  const { id, version } = generation.info
  tracker.follows(id)
  const stopUntilSkipped = (error: unknown, again: Observable<unknown>) => {
    tracker.stopped(error)
    logger.error({ err: error, generation: id }, 'stopped')
    const skip = untilSkipped(readModelStore, error).pipe(takeUntil(until))
    return skip.pipe(
      tap(() => logger.warn({ generation: id }, 'the event is skipped: projecting again')),
      switchMap(() => again),
    )
  }
  if (version !== projection.version) {
    tracker.stopped(versionMismatch(projection, generation))
    return rebuildIfNewer(options, run).pipe(catchError(stopUntilSkipped))
  }
  return projector({
    projection,
    generation: meter.measured(generation),
    eventStore,
    readModelStore,
    batchEventsMax,
    until,
    watch: {
      ...meter,
      received: (batch) => {
        tracker.received(batch)
        meter.received(batch)
      },
      assigned: (bounds, checkpoint) => {
        tracker.assigned(bounds, checkpoint)
        const partitions = bounds.map(({ partition }) => partition)
        logger.info({ generation: id, partitions }, `projecting partitions ${partitions.join(' ')}`)
      },
      retrying: (error, retry) => {
        tracker.retrying(error)
        meter.retrying(error)
        if (isLogged(retry.failures)) logRetry(logger, error, { generation: id, ...retry })
      },
    },
  }).pipe(tap(tracker.committed), catchError(stopUntilSkipped))
}

/** Another process that writes is no fault: a replay hands over that way. */
function logRetry(logger: Logger, error: unknown, fields: Readonly<{ generation: string }>) {
  if (hasCode(error, 'CHECKPOINT_MOVED')) {
    logger.info(fields, `restarting from the checkpoint: ${error.message}`)
  } else {
    logger.warn({ err: error, ...fields }, 'retrying from the checkpoint')
  }
}

/** Rebuilds the model if this process folds a newer version. Never writes to the generation. */
function rebuildIfNewer(options: Shared, run: Run): Observable<unknown> {
  const { projection, generation, until, logger } = run
  const { version } = generation.info
  return defer(() => wantsRebuild(options.readModelStore, projection, version)).pipe(
    concatMap((isWanted) => {
      if (!isWanted) return throwError(() => versionMismatch(projection, generation))
      logger.info({ from: version, to: projection.version }, 'this code is newer: rebuilding')
      return selfRebuild({ ...options, projections: [projection], logger })
    }),
    concatWith(NEVER),
    takeUntil(until),
  )
}

const versionMismatch = ({ name, version }: Projection, { info }: Generation) =>
  new TradelogError(
    'VERSION_MISMATCH',
    `${name}: this process folds version ${version}, generation ${info.id} has version ` +
      `${info.version}; run that version, or: npm run replay -- --model ${name}`,
    { fields: { model: name, version, generation: info.id } },
  )
