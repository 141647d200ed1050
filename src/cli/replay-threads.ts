import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { TradelogError } from '../domain/errors.ts'
import type { FoldInThreads } from '../projections/replay/builder.ts'
import type { Config } from '../runtime/config/config.ts'
import type { FromThread, ThreadWork } from './replay-thread.ts'

/** Folds in as many threads as the settings say; `auto` means `automatic`. Undefined for 0. */
export function replayThreads(config: Config, automatic: number): FoldInThreads | undefined {
  const { replayThreads: wanted } = config.projection
  const threads = wanted === 'auto' ? automatic : wanted
  return threads === 0 ? undefined : (work) => foldInThreads(config, threads, work)
}

/**
 * Threads for a process that only folds. On two processors, one thread, LMDB's writers and the
 * garbage collector use both: there two threads take more memory and are no faster.
 */
export const automaticThreads = (processors = availableParallelism()): number =>
  processors > 2 ? processors : 0

/** Threads for a process that also serves: one processor remains for that. */
export const automaticThreadsBeside = (processors = availableParallelism()): number =>
  Math.max(1, processors - 1)

/** The first failure stops the other threads. Settles when all have closed their stores. */
async function foldInThreads(
  config: Config,
  threads: number,
  { generations, behind, signal, onApplied }: Parameters<FoldInThreads>[0],
): Promise<void> {
  signal.throwIfAborted()
  const stop = new AbortController()
  const onAbort = () => stop.abort(signal.reason)
  signal.addEventListener('abort', onAbort)
  const running = sharesOf(behind, threads).map((partitions) =>
    runThread({ config, generations, partitions }, stop.signal, onApplied).catch((error) =>
      stop.abort(error),
    ),
  )
  await Promise.all(running)
  signal.removeEventListener('abort', onAbort)
  stop.signal.throwIfAborted()
}

/** Shares out the partitions that have events to fold, so that threads get equally many events. */
export function sharesOf(
  behind: ReadonlyMap<number, number>,
  threads: number,
): readonly (readonly number[])[] {
  const shares = Array.from({ length: threads }, () => ({ events: 0, partitions: [] as number[] }))
  for (const [partition, events] of [...behind].sort(([, a], [, b]) => b - a)) {
    const [least] = shares.sort((a, b) => a.events - b.events)
    if (least === undefined || events === 0) continue
    least.events += events
    least.partitions.push(partition)
  }
  return shares.map(({ partitions }) => partitions).filter(({ length }) => length > 0)
}

/** Half of Node's default: a batch lives only briefly, and every thread has such a heap. */
const resourceLimits = { maxYoungGenerationSizeMb: 24 }

async function runThread(
  work: ThreadWork,
  stop: AbortSignal,
  onApplied: (model: string, events: number) => void,
): Promise<void> {
  const thread = new Worker(new URL('./replay-thread.js', import.meta.url), {
    workerData: work,
    resourceLimits,
  })
  const onStop = () => thread.postMessage('stop')
  stop.addEventListener('abort', onStop)
  let end: FromThread | undefined
  thread.on('message', (message: FromThread) => {
    if (message.kind === 'applied') onApplied(message.model, message.events)
    else end = message
  })
  try {
    // Rejects if the thread dies of an uncaught error.
    await once(thread, 'exit')
  } finally {
    stop.removeEventListener('abort', onStop)
  }
  stop.throwIfAborted()
  if (end?.kind === 'failed') throw errorOf(end)
  if (end === undefined) throw new Error('a replay thread ended without a result')
}

/** The thread's error with its code, and its stack as the cause. */
function errorOf({ code, message, fields, stack }: Extract<FromThread, { kind: 'failed' }>) {
  const cause = new Error(message)
  cause.stack = stack ?? ''
  return code === null ? cause : new TradelogError(code, message, { cause, fields })
}
