import type { UnixMs } from '../../domain/time.ts'
import { readModels } from '../../projections/read-models/index.ts'
import type { ReadModelStore } from '../../read-model-store/read-model-store.ts'
import { type GenerationStatus, generationStatus, readStatuses, type Statuses } from './statuses.ts'

/** Every read model with the status of its active generation, undefined if it isn't built yet. */
export type Overview = Readonly<{
  statuses: Statuses
  models: readonly Readonly<{ model: string; status: GenerationStatus | undefined }>[]
}>

export async function readOverview(store: ReadModelStore, now: UnixMs): Promise<Overview> {
  const statuses = await readStatuses(store, now)
  const models = await Promise.all(
    readModels.map(async ({ name: model }) => {
      const pointer = await store.pointer(model)
      return { model, status: pointer && generationStatus(statuses, pointer, now) }
    }),
  )
  return { statuses, models }
}
