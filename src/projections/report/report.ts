import { defer, exhaustMap, type Observable, repeat, takeUntil } from 'rxjs'
import type { UnixMs } from '../../domain/time.ts'
import type { EventStore } from '../../event-store/event-store.ts'
import type { ReadModelStore } from '../../read-model-store/read-model-store.ts'
import {
  type ProcessStatus,
  type ProjectorStatus,
  statusStaleAfterMs,
  troubleOf,
} from '../../read-model-store/status.ts'
import type { Logger } from '../../runtime/logger.ts'
import { type Readiness, reasonOf } from '../../runtime/readiness.ts'
import { createLagClock, watchHeads } from './lag.ts'
import type { Meter } from './meter.ts'
import type { ProjectionMetrics } from './metrics.ts'
import type { Tracker } from './tracker.ts'

type Options = Readonly<{
  eventStore: EventStore
  readModelStore: ReadModelStore
  processName: string
  metrics: ProjectionMetrics
  logger: Logger
}>

type Reported = Readonly<{ tracker: Tracker; meter: Meter }>

const everyMs = 1_000

/**
 * Reports on the projectors of this process every second: in the status row, for the API, and in
 * the metrics. While the log is unavailable, it reports the last known heads.
 */
export function createReport(options: Options, models: readonly Reported[]) {
  const { eventStore, readModelStore, processName, metrics, logger } = options
  const heads = watchHeads(eventStore)
  const clocks = models.map((model) => ({
    ...model,
    lagSeconds: createLagClock(eventStore, model.tracker),
  }))
  const startedAt = Date.now()
  let latest: readonly ProjectorStatus[] = []
  let writtenAt: UnixMs = startedAt

  const write = async () => {
    const current = { heads: await heads.heads(), readAt: heads.readAt() }
    latest = models.map(({ tracker }) => tracker.status(current))
    const status: ProcessStatus = { kind: 'project', models: latest, headsAt: current.readAt }
    try {
      await readModelStore.writeStatus(`project:${processName}`, status)
      writtenAt = Date.now()
    } catch (error) {
      logger.debug({ err: error }, 'cannot write the status row')
    }
  }
  const measure = async () => {
    metrics.headsAt.set((heads.readAt() ?? 0) / 1_000)
    await Promise.all(
      clocks.map(async ({ meter, lagSeconds }, i) => {
        const status = latest[i]
        if (status !== undefined) meter.report(status, await lagSeconds(status))
      }),
    )
  }
  const running = (stop: Observable<void>): Observable<unknown> =>
    defer(write).pipe(repeat({ delay: everyMs }), exhaustMap(measure), takeUntil(stop))
  const readiness: Readiness = async () => {
    const now = Date.now()
    const isLate = (at: UnixMs) => now - at > statusStaleAfterMs
    const headsAt = heads.readAt() ?? startedAt
    return [
      ...(isLate(headsAt) ? [reasonOf('event store', 'its heads cannot be read', headsAt)] : []),
      ...(isLate(writtenAt)
        ? [reasonOf('read-model store', 'the status row cannot be written', writtenAt)]
        : []),
      ...latest.flatMap((status) => {
        const trouble = troubleOf(status, now)
        return trouble === undefined
          ? []
          : [reasonOf(`read model ${status.model}`, trouble, status.since)]
      }),
    ]
  }
  return { running, readiness }
}
