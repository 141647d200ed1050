import { TradelogError } from '../../domain/errors.ts'
import type { EventStore } from '../../event-store/event-store.ts'
import type { ReadModelStore } from '../../read-model-store/read-model-store.ts'
import type { ReplayStatus } from '../../read-model-store/status.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Build } from './builder.ts'

type ReplayProgressOptions = Readonly<{
  builds: readonly Build[]
  eventStore: Pick<EventStore, 'heads'>
  readModelStore: ReadModelStore
  logger: Logger
  /** Aborted if the replay is interrupted: it hasn't failed then. */
  signal: AbortSignal
  onProgress?: ((status: ReplayStatus) => void) | undefined
  now?: () => number
}>

/**
 * Counts what a replay reads and reports it every second, to the caller and in the status rows.
 * Once a model is promoted, its clock and counts stop, and the caller gets them one last time.
 */
type ReplayProgress = Readonly<{
  start: () => Promise<void>
  /** Counts events that the model has read, including those that it doesn't apply. */
  read: (model: string, events: number) => void
  promoted: (model: string) => void
  failed: (error: unknown) => void
  close: () => Promise<void>
}>

const reportEveryMs = 1_000

type Counts = {
  state: ReplayStatus['state']
  before: number
  done: number
  total: number
  endedAt: number | undefined
  /** Whether the caller has got the final status. */
  isReported: boolean
}

export function createReplayProgress(options: ReplayProgressOptions): ReplayProgress {
  const { builds, eventStore, readModelStore, logger, signal, onProgress, now = Date.now } = options
  const startedAt = now()
  const counts = new Map<string, Counts>()
  let failure: ReplayStatus['error'] = null
  let timer: NodeJS.Timeout | undefined

  const report = async () => {
    for (const { projection, generation } of builds) {
      const count = counts.get(projection.name)
      if (count === undefined) continue
      const { model, version, id } = generation.info
      const status: ReplayStatus = {
        kind: 'replay',
        model,
        version,
        generation: id,
        ...measured(count, (count.endedAt ?? now()) - startedAt),
        startedAt,
        error: failure,
      }
      if (!count.isReported) onProgress?.(status)
      count.isReported = count.state !== 'building'
      await readModelStore.writeStatus(`replay:${model}`, status).catch((error: unknown) => {
        logger.debug({ err: error }, 'cannot write the replay status')
      })
    }
  }

  const end = (count: Counts | undefined, state: ReplayStatus['state']) => {
    if (count?.state !== 'building') return
    count.state = state
    count.endedAt = now()
  }

  return {
    start: async () => {
      const heads = await eventStore.heads()
      const total = heads.reduce((sum, { head }) => sum + head, 0)
      for (const { projection, generation } of builds) {
        const checkpoint = await generation.checkpoint()
        const before = Array.from(checkpoint.values()).reduce((sum, { next }) => sum + next, 0)
        const endedAt = undefined
        const read = { before, done: before, total, endedAt, isReported: false }
        counts.set(projection.name, { state: 'building', ...read })
      }
      await report()
      timer = setInterval(() => void report(), reportEveryMs)
    },
    read: (model, events) => {
      const count = counts.get(model)
      if (count?.state !== 'building') return
      count.done += events
      count.total = Math.max(count.total, count.done)
    },
    promoted: (model) => end(counts.get(model), 'promoted'),
    failed: (error) => {
      const state = signal.aborted ? 'interrupted' : 'failed'
      for (const count of counts.values()) end(count, state)
      if (signal.aborted) return
      const code = error instanceof TradelogError ? error.code : 'INTERNAL_ERROR'
      failure = { code, message: error instanceof Error ? error.message : String(error) }
    },
    close: async () => {
      clearInterval(timer)
      await report()
    },
  }
}

function measured({ state, before, done, total }: Counts, elapsedMs: number) {
  const eventsPerSecond = Math.round(((done - before) * 1_000) / Math.max(elapsedMs, 1))
  const remainingMs = eventsPerSecond > 0 ? ((total - done) * 1_000) / eventsPerSecond : null
  return {
    state,
    eventsDone: done,
    eventsTotal: total,
    eventsPerSecond,
    remainingMs: state === 'building' ? remainingMs : null,
  }
}
