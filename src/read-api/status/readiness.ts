import { TradelogError } from '../../domain/errors.ts'
import type { UnixMs } from '../../domain/time.ts'
import type { ReadModelStore } from '../../read-model-store/read-model-store.ts'
import { stalledAfterMs, statusStaleAfterMs, troubleOf } from '../../read-model-store/status.ts'
import { countFailures, type Failures } from '../../runtime/backoff.ts'
import { inTime } from '../../runtime/in-time.ts'
import { type Reason, reasonOf } from '../../runtime/readiness.ts'
import { failureOf } from '../http/envelope.ts'
import { type Overview, readOverview } from './overview.ts'
import type { GenerationStatus } from './statuses.ts'

type Options = Readonly<{
  store: ReadModelStore
  expectsIngest: boolean
  now: () => UnixMs
  timeoutMs: number
}>

/**
 * `since` is null if it is unknown: then the time at which this process noticed counts, also of a
 * problem that was gone for a moment.
 */
type Problem = Readonly<{ part: string; message: string; since: UnixMs | null }>

/** Why read models can't be read or lack trades. No overview if the store can't be read. */
export type ReadinessCheck = Readonly<{
  reasons: readonly Reason[]
  overview: Overview | undefined
}>

/**
 * Checks part by part whether the read models can be read and are being updated, and whether the
 * feed is listened to. It judges by the status rows of projectors and ingest, and by the age of
 * these rows, since a process that hangs reports nothing.
 */
export function readinessCheck(options: Options): () => Promise<ReadinessCheck> {
  const { now, timeoutMs } = options
  const noticed = new Map<string, Failures>()
  const reasonFor = ({ part, message, since }: Problem): Reason => {
    const row = noticed.get(part) ?? countFailures({ now })
    noticed.set(part, row)
    row.failed()
    return reasonOf(part, message, since ?? row.since() ?? now())
  }
  const reasonsFor = (problems: readonly Problem[]): readonly Reason[] => {
    const parts = new Set(problems.map(({ part }) => part))
    for (const [part, row] of noticed) if (!parts.has(part)) row.works()
    return problems.map(reasonFor)
  }
  return async () => {
    try {
      const overview = await inTime(timeoutMs, () => readOverview({ ...options, now: now() }))
      if (overview === undefined) throw late(timeoutMs)
      return { reasons: reasonsFor(problemsOf(overview, now())), overview }
    } catch (error) {
      const { status, message } = failureOf(error)
      if (status === 500) throw error
      const problem = { part: 'read-model store', message, since: null }
      return { reasons: reasonsFor([problem]), overview: undefined }
    }
  }
}

const late = (timeoutMs: number): TradelogError =>
  new TradelogError('TIMEOUT', `does not answer within ${timeoutMs} ms`)

function problemsOf({ statuses, models, ingest }: Overview, now: UnixMs): readonly Problem[] {
  // Judged by the process's own clock, and only if it reports: one that hangs is late anyway.
  const lateHeads = statuses.heads
    .filter(({ isStale }) => !isStale)
    .filter(({ headsAt, writtenAt }) => headsAt && writtenAt - headsAt > statusStaleAfterMs)
    .map(({ headsAt }) => headsAt)
  const ofModels = models.flatMap(({ model, status }) => {
    const part = `read model ${model}`
    if (status === undefined) return [{ part, message: 'is not built yet', since: null }]
    const message = problemOf(status, now)
    return message === undefined ? [] : [{ part, message, since: status.since }]
  })
  const others = [...ofModels, ...ingest.problems]
  if (lateHeads.length === 0) return others
  const since = Math.min(...lateHeads.map(Number))
  return [{ part: 'event store', message: 'the project role cannot read it', since }, ...others]
}

function problemOf(status: GenerationStatus, now: UnixMs): string | undefined {
  const { state, since, writtenAt, error } = status
  if (state === 'frozen') {
    if (writtenAt === null) return 'is not being updated: no process has reported on it'
    const seconds = Math.round((now - writtenAt) / 1_000)
    return `is not being updated: the last report is ${seconds} s old`
  }
  if (state === 'standing by' && now - (since ?? now) > stalledAfterMs) {
    return 'is not being updated: every process stands by'
  }
  return troubleOf({ state, since: since ?? now, error }, now)
}
