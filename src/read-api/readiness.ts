import { setTimeout as sleep } from 'node:timers/promises'
import { TradelogError } from '../domain/errors.ts'
import type { UnixMs } from '../domain/trade-executed.ts'
import { stalledAfterMs, statusStaleAfterMs, troubleOf } from '../projections/status.ts'
import type { ReadModelStore } from '../read-model-store/read-model-store.ts'
import { type Readiness, type Reason, reasonOf } from '../runtime/readiness.ts'
import { failureOf } from './envelope.ts'
import { type Overview, readOverview } from './overview.ts'
import type { GenerationStatus } from './statuses.ts'

type Options = Readonly<{ store: ReadModelStore; now: () => UnixMs; timeoutMs: number }>

/** `since` is null where nothing says it: then it counts from when this process noticed. */
type Problem = Readonly<{ part: string; message: string; since: UnixMs | null }>

/**
 * What keeps the read models from being read or updated, part by part. It is judged from what the
 * projectors say in their status rows, and from how old that is: one that hangs says nothing.
 */
export const readModelReadiness = ({ store, now, timeoutMs }: Options): Readiness => {
  const noticed = new Map<string, UnixMs>()
  const reasonFor = ({ part, message, since }: Problem): Reason => {
    const first = noticed.get(part) ?? now()
    noticed.set(part, first)
    return reasonOf(part, message, since ?? first)
  }
  return async () => {
    const problems = await answerInTime(store, now, timeoutMs)
    const parts = new Set(problems.map(({ part }) => part))
    for (const part of noticed.keys()) if (!parts.has(part)) noticed.delete(part)
    return problems.map(reasonFor)
  }
}

/** A store that is away, or that hangs, is the problem: nothing can be said of the rest. */
const answerInTime = async (
  store: ReadModelStore,
  now: () => UnixMs,
  timeoutMs: number,
): Promise<readonly Problem[]> => {
  const over = new AbortController()
  const late = sleep(timeoutMs, undefined, { signal: over.signal }).then(() => {
    throw new TradelogError('TIMEOUT', `does not answer within ${timeoutMs} ms`)
  })
  try {
    return problemsOf(await Promise.race([readOverview(store, now()), late]), now())
  } catch (error) {
    const { status, message } = failureOf(error)
    if (status === 500) throw error
    return [{ part: 'read-model store', message, since: null }]
  } finally {
    over.abort()
    late.catch(() => {})
  }
}

const problemsOf = ({ statuses, models }: Overview, now: UnixMs): readonly Problem[] => {
  const lateHeads = statuses.heads
    .filter(({ isStale }) => !isStale)
    .map(({ headsAt }) => headsAt)
    .filter((at) => typeof at === 'number' && now - at > statusStaleAfterMs)
  const ofModels = models.flatMap(({ model, status }) => {
    const part = `read model ${model}`
    if (status === undefined) return [{ part, message: 'is not built yet', since: null }]
    const message = problemOf(status, now)
    return message === undefined ? [] : [{ part, message, since: status.since }]
  })
  if (lateHeads.length === 0) return ofModels
  const since = Math.min(...lateHeads.map(Number))
  return [{ part: 'event store', message: 'the project role cannot read it', since }, ...ofModels]
}

const problemOf = (status: GenerationStatus, now: UnixMs): string | undefined => {
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
