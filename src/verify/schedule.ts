import { setTimeout as sleep } from 'node:timers/promises'
import type { VerifyStatus } from '../read-model-store/status.ts'
import type { Logger } from '../runtime/logger.ts'
import { type VerifyOptions, verify } from './verify.ts'

export type ScheduleOptions = Omit<VerifyOptions, 'model' | 'generation' | 'signal'> &
  Readonly<{ models: readonly string[]; everyMs: number; logger: Logger }>

/** How soon another process replaces one that died; a live one renews its lease. */
const leaseTtlMs = 10_000

/**
 * The reconciliation job: verifies the models every `everyMs`, in one process at a time. Reports
 * by log messages and in the status rows.
 */
export function scheduleVerify(options: ScheduleOptions): { close: () => Promise<void> } {
  const { models, everyMs } = options
  const stop = new AbortController()
  const { signal } = stop
  const run = async () => {
    for (;;) {
      await sleep(everyMs, undefined, { signal })
      for (const model of models) await verifyAlone(options, model, signal)
    }
  }
  const running = run().catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
  return {
    close: () => {
      stop.abort()
      return running
    },
  }
}

async function verifyAlone(options: ScheduleOptions, model: string, signal: AbortSignal) {
  const { readModelStore, logger } = options
  try {
    const lease = await readModelStore.lease(`verify:${model}`, { ttlMs: leaseTtlMs })
    if (lease === undefined) return
    try {
      if (await wasVerified(options, model)) return
      const result = await verify({ ...options, model, signal })
      await readModelStore.writeStatus(`verify:${model}`, result)
      report(logger, result)
    } finally {
      await lease.release()
    }
  } catch (error) {
    if (signal.aborted) throw error
    logger.warn({ err: error, model }, 'could not verify, trying again in the next round')
  }
}

/** Whether any process has verified the model in this round. */
const wasVerified = async ({ readModelStore, everyMs }: ScheduleOptions, model: string) =>
  (await readModelStore.statuses()).some(({ source, writtenAt }) => {
    return source === `verify:${model}` && writtenAt > Date.now() - 0.9 * everyMs
  })

function report(logger: Logger, verification: VerifyStatus) {
  const { model, result, detail, rowsCompared, eventsSkipped } = verification
  const text = `${model}: verified, ${result}`
  if (result === 'equal') logger.info({ model, rowsCompared, eventsSkipped }, text)
  else logger.error({ model, rowsCompared, detail }, text)
}
