import { TradelogError } from '../domain/errors.ts'
import type { EventStore } from '../event-store/event-store.ts'
import type { ReadModelStore } from '../read-model-store/read-model-store.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Build } from './builder.ts'
import type { ReplayStatus } from './status.ts'

export type ReplayProgressOptions = Readonly<{
  builds: readonly Build[]
  eventStore: EventStore
  readModelStore: ReadModelStore
  logger: Logger
  /** Aborted where somebody stops the replay: it hasn't failed then. */
  signal: AbortSignal
  onProgress?: ((status: ReplayStatus) => void) | undefined
}>

/** Counts what a replay does, and says so every second: to the caller and in the status rows. */
export type ReplayProgress = Readonly<{
  start: () => Promise<void>
  applied: (model: string, events: number) => void
  promoted: (model: string) => void
  failed: (error: unknown) => void
  close: () => Promise<void>
}>

const reportEveryMs = 1_000

type Counts = { state: ReplayStatus['state']; before: number; done: number; total: number }

export const createReplayProgress = (options: ReplayProgressOptions): ReplayProgress => {
  const { builds, eventStore, readModelStore, logger, signal, onProgress } = options
  const startedAt = Date.now()
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
        ...measured(count, Date.now() - startedAt),
        startedAt,
        error: failure,
      }
      onProgress?.(status)
      await readModelStore.writeStatus(`replay:${model}`, status).catch((error: unknown) => {
        logger.debug({ err: error }, 'cannot write the replay status')
      })
    }
  }

  const end = (state: ReplayStatus['state']) => {
    for (const count of counts.values()) if (count.state === 'building') count.state = state
  }

  return {
    start: async () => {
      const heads = await eventStore.heads()
      const total = heads.reduce((sum, { head }) => sum + head, 0)
      for (const { projection, generation } of builds) {
        const checkpoint = await generation.checkpoint()
        const before = Array.from(checkpoint.values()).reduce((sum, { next }) => sum + next, 0)
        counts.set(projection.name, { state: 'building', before, done: before, total })
      }
      await report()
      timer = setInterval(() => void report(), reportEveryMs)
    },
    applied: (model, events) => {
      const count = counts.get(model)
      if (count === undefined) return
      count.done += events
      count.total = Math.max(count.total, count.done)
    },
    promoted: (model) => {
      const count = counts.get(model)
      if (count !== undefined) count.state = 'promoted'
    },
    failed: (error) => {
      end(signal.aborted ? 'interrupted' : 'failed')
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

const measured = ({ state, before, done, total }: Counts, elapsedMs: number) => {
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
