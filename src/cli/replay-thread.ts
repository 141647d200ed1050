import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { openEventStore, openReadModelStore } from '../compose.ts'
import { type ErrorCode, hasCode, TradelogError } from '../domain/errors.ts'
import { readModels } from '../projections/read-models/index.ts'
import { type Build, type BuilderOptions, openBuilder } from '../projections/replay/builder.ts'
import type { ReadModelStore } from '../read-model-store/read-model-store.ts'
import { backoffMs } from '../runtime/backoff.ts'
import type { Config } from '../runtime/config/config.ts'
import { createLifetime } from '../runtime/lifetime.ts'
import { loggerOf } from './log.ts'

/** The work of one thread of a replay: the generation of each model, and some partitions. */
export type ThreadWork = Readonly<{
  config: Config
  generations: ReadonlyMap<string, string>
  partitions: readonly number[]
}>

export type FromThread =
  | Readonly<{ kind: 'applied'; model: string; events: number }>
  | Readonly<{ kind: 'done' }>
  | Readonly<{
      kind: 'failed'
      code: ErrorCode | null
      message: string
      fields: Readonly<Record<string, unknown>>
      stack: string | undefined
    }>

/** A thread gives up after so many failures in a row, with no event folded between them. */
const failuresMax = 10

const post = (message: FromThread) => parentPort?.postMessage(message)

async function work({ config, generations, partitions }: ThreadWork): Promise<void> {
  const stop = new AbortController()
  parentPort?.on('message', () => stop.abort())
  const life = createLifetime()
  const { signal } = stop
  // The main thread has already logged that it opened these stores.
  const logger = loggerOf({ ...config, log: { ...config.log, level: 'error' } })
  try {
    const composition = { config, life, logger, signal }
    const eventStore = await openEventStore(composition)
    const readModelStore = await openReadModelStore(composition)
    await fold({
      builds: await openBuilds(readModelStore, generations),
      eventStore,
      readModelStore,
      batchEventsMax: config.projection.batchEventsMax,
      partitions: new Set(partitions),
      signal,
      onApplied: (model, events) => post({ kind: 'applied', model, events }),
    })
  } finally {
    await life.close()
  }
}

const openBuilds = (
  store: ReadModelStore,
  generations: ReadonlyMap<string, string>,
): Promise<readonly Build[]> =>
  Promise.all(
    readModels
      .filter(({ name }) => generations.has(name))
      .map(async (projection) => {
        const generation = await store.open(generations.get(projection.name) ?? '')
        return { projection, generation }
      }),
  )

/**
 * Partitions of several threads may feed one row. The thread that commits second fails, and starts
 * again at the stored checkpoint. Each such failure means progress of another, so all finish.
 */
async function fold(options: BuilderOptions): Promise<void> {
  let failures = 0
  const onApplied = (model: string, events: number) => {
    failures = 0
    options.onApplied(model, events)
  }
  for (;;) {
    try {
      return await (await openBuilder({ ...options, onApplied })).catchUp()
    } catch (error) {
      failures++
      if (!hasCode(error, 'CHECKPOINT_MOVED') || failures > failuresMax) throw error
      await sleep(backoffMs(failures), undefined, { signal: options.signal })
    }
  }
}

function failed(error: unknown): FromThread {
  const { code, fields } = error instanceof TradelogError ? error : { code: null, fields: {} }
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  return { kind: 'failed', code, message, fields, stack }
}

try {
  await work(workerData)
  post({ kind: 'done' })
} catch (error) {
  post(failed(error))
} finally {
  parentPort?.close()
}
