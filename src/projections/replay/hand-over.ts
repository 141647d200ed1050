import { setTimeout as sleep } from 'node:timers/promises'
import { hasCode } from '../../domain/errors.ts'
import type { ReadModelStore } from '../../read-model-store/read-model-store.ts'
import { type ProcessStatus, statusStaleAfterMs } from '../../read-model-store/status.ts'
import { crashPoint } from '../../runtime/crash-point.ts'
import { type BuilderOptions, openBuilder } from './builder.ts'

const handOverMs = 30_000
const pollEveryMs = 100

/**
 * Keeps promoted generations up to date until the running projectors have taken over every
 * partition, for at most 30 s. `CHECKPOINT_MOVED` then means that a projector has begun to write.
 */
export async function handOver(options: BuilderOptions, store: ReadModelStore): Promise<void> {
  const end = Date.now() + handOverMs
  const partitions = (await options.eventStore.heads()).length
  crashPoint('hand-over:begun')
  for (const { generation } of options.builds) {
    while (!(await isTakenOver(store, generation.info.id, partitions))) {
      crashPoint('hand-over:not-taken-over')
      if (Date.now() > end || options.signal.aborted) return
      try {
        await (await openBuilder(options)).catchUp()
        crashPoint('hand-over:caught-up')
      } catch (error) {
        if (!hasCode(error, 'CHECKPOINT_MOVED')) throw error
      }
      await sleep(pollEveryMs)
    }
  }
}

/**
 * Whether the running projectors report that they hold every partition of a generation. True if no
 * process runs the project role: no projector will take over then.
 */
async function isTakenOver(
  store: ReadModelStore,
  generation: string,
  partitions: number,
): Promise<boolean> {
  const now = Date.now()
  const reports = (await store.statuses())
    .filter(({ status, writtenAt }) => {
      return status.kind === 'project' && now - writtenAt < statusStaleAfterMs
    })
    .map(({ status }) => status as ProcessStatus)
  if (reports.length === 0) return true
  const held = reports
    .flatMap(({ models }) => models)
    .filter((model) => model.generation === generation)
    .flatMap((model) => model.partitions.map(({ partition }) => partition))
  return new Set(held).size === partitions
}
