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
import { TradelogError } from '../domain/errors.ts'
import type { EventStore } from '../event-store/event-store.ts'
import type { Generation, ReadModelStore } from '../read-model-store/read-model-store.ts'
import { backoffMs } from '../runtime/backoff.ts'
import type { Logger } from '../runtime/logger.ts'
import { openActiveGeneration } from './active-generation.ts'
import type { Projection } from './projection.ts'
import { projector } from './projector.ts'
import { selfRebuild, wantsRebuild } from './self-rebuild.ts'
import { untilSkipped } from './skipping.ts'
import type { ProjectStatus } from './status.ts'
import { createTracker, type Tracker } from './tracker.ts'

export type ProjectRoleOptions = Readonly<{
  projections: readonly Projection[]
  eventStore: EventStore
  readModelStore: ReadModelStore
  batchEventsMax: number
  /** Names this process in the status rows. */
  processName: string
  logger: Logger
}>

export type ProjectRole = Readonly<{
  /** Why the role isn't doing its work, one reason a model; empty where it is. */
  readiness: () => Promise<readonly string[]>
  /** Ends after the batches in flight; a second call waits for the first. */
  close: () => Promise<void>
}>

/** How soon a projector follows a promotion. */
const followEveryMs = 500
const statusEveryMs = 1_000

/** Runs a projector for each model on its active generation, and reports on them. */
export const startProjectRole = (options: ProjectRoleOptions): ProjectRole => {
  const stop = new ReplaySubject<void>(1)
  const trackers = options.projections.map((projection) => createTracker(projection))
  const models = options.projections.map((projection, i) =>
    runModel(options, projection, trackers[i] as Tracker, stop),
  )
  const running = [...models, reportStatus(options, trackers, stop)].map((part) =>
    lastValueFrom(part, { defaultValue: undefined }),
  )
  let closing: Promise<void> | undefined
  return {
    readiness: async () => trackers.flatMap((tracker) => tracker.trouble()),
    close: () => {
      stop.next()
      closing ??= Promise.all(running).then(() => {})
      return closing
    },
  }
}

/** Follows the pointer of one model: a promotion ends the projector and starts the next. */
const runModel = (
  options: ProjectRoleOptions,
  projection: Projection,
  tracker: Tracker,
  stop: Observable<void>,
): Observable<unknown> => {
  const logger = options.logger.child({ component: projection.name })
  const active = activeGenerations(options, projection, logger).pipe(
    takeUntil(stop),
    shareReplay({ bufferSize: 1, refCount: true }),
  )
  return active.pipe(
    concatMap((generation) => {
      const { id } = generation.info
      const until = merge(stop, active.pipe(filter(({ info }) => info.id !== id)))
      return runGeneration(options, { projection, generation, until, tracker, logger })
    }),
  )
}

const activeGenerations = (
  { readModelStore }: ProjectRoleOptions,
  projection: Projection,
  logger: Logger,
): Observable<Generation> =>
  defer(() => openActiveGeneration(readModelStore, projection)).pipe(
    repeat({ delay: followEveryMs }),
    retry({
      delay: (error, failures) => {
        if (failures === 1) logger.warn({ err: error }, 'cannot read the active generation')
        return timer(backoffMs(failures))
      },
      resetOnSuccess: true,
    }),
    distinctUntilChanged((a, b) => a.info.id === b.info.id),
  )

type Run = Readonly<{
  projection: Projection
  generation: Generation
  until: Observable<unknown>
  tracker: Tracker
  logger: Logger
}>

const runGeneration = (options: ProjectRoleOptions, run: Run): Observable<unknown> => {
  const { projection, generation, until, tracker, logger } = run
  const { eventStore, readModelStore, batchEventsMax } = options
  const { id, version } = generation.info
  tracker.follows(id)
  const stopped = (error: unknown, again: Observable<unknown>) => {
    tracker.stopped(error)
    logger.error({ err: error, generation: id }, 'stopped')
    const skip = untilSkipped(readModelStore, error).pipe(takeUntil(until))
    return skip.pipe(
      tap(() => logger.warn({ generation: id }, 'going on: the event is skipped')),
      switchMap(() => again),
    )
  }
  if (version !== projection.version) {
    tracker.stopped(versionMismatch(projection, generation))
    return rebuildIfNewer(options, run).pipe(catchError(stopped))
  }
  return projector({
    projection,
    generation,
    eventStore,
    readModelStore,
    batchEventsMax,
    until,
    watch: {
      assigned: (bounds, checkpoint) => {
        tracker.assigned(bounds, checkpoint)
        const partitions = bounds.map(({ partition }) => partition)
        logger.info({ generation: id, partitions }, `projecting partitions ${partitions.join(' ')}`)
      },
      retrying: (error, delayMs) => {
        tracker.retrying(error)
        logger.warn({ err: error, generation: id, delayMs }, 'retrying from the checkpoint')
      },
    },
  }).pipe(tap(tracker.committed), catchError(stopped))
}

/** A process of another version leaves the generation alone; of a newer one, it builds the next. */
const rebuildIfNewer = (options: ProjectRoleOptions, run: Run): Observable<unknown> => {
  const { projection, generation, until, logger } = run
  const { version } = generation.info
  return defer(() => wantsRebuild(options.readModelStore, projection, version)).pipe(
    concatMap((isWanted) => {
      if (!isWanted) return throwError(() => versionMismatch(projection, generation))
      logger.info({ from: version, to: projection.version }, 'a newer version: rebuilding')
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
      `${info.version}; it is left as it is`,
    { fields: { model: name, version, generation: info.id } },
  )

const reportStatus = (
  { eventStore, readModelStore, processName, logger }: ProjectRoleOptions,
  trackers: readonly Tracker[],
  stop: Observable<void>,
): Observable<unknown> =>
  defer(async () => {
    const heads = new Map((await eventStore.heads()).map((of) => [of.partition, of.head]))
    const models = trackers.map((tracker) => tracker.status(heads))
    const status: ProjectStatus = { kind: 'project', models }
    await readModelStore.writeStatus(`project:${processName}`, status)
  }).pipe(
    repeat({ delay: statusEveryMs }),
    retry({
      delay: (error) => {
        logger.debug({ err: error }, 'cannot write the status row')
        return timer(statusEveryMs)
      },
    }),
    takeUntil(stop),
  )
