import type { ReadModelStore } from '../read-model-store/read-model-store.ts'
import { type ProjectStatus, statusStaleAfterMs } from './status.ts'

/**
 * Whether the running projectors hold every partition of a generation, by their own word. Where no
 * process of the project role runs, there is nobody to wait for.
 */
export const isTakenOver = async (
  store: ReadModelStore,
  generation: string,
  partitions: number,
): Promise<boolean> => {
  const now = Date.now()
  const reports = (await store.statuses())
    .filter(({ status, writtenAt }) => {
      return status.kind === 'project' && now - writtenAt < statusStaleAfterMs
    })
    .map(({ status }) => status as ProjectStatus)
  if (reports.length === 0) return true
  const held = reports
    .flatMap(({ models }) => models)
    .filter((model) => model.generation === generation)
    .flatMap((model) => model.partitions.map(({ partition }) => partition))
  return new Set(held).size === partitions
}
