import type { UnixMs } from '../../domain/time.ts'
import { readModels } from '../../projections/read-models/index.ts'
import type { ReadModelStore } from '../../read-model-store/read-model-store.ts'
import { type IngestOverview, ingestOverview } from './ingest.ts'
import { type GenerationStatus, generationStatus, readStatuses, type Statuses } from './statuses.ts'

export type Overview = Readonly<{
  statuses: Statuses
  /** Every read model with the status of its active generation, undefined if it isn't built yet. */
  models: readonly Readonly<{ model: string; status: GenerationStatus | undefined }>[]
  ingest: IngestOverview
}>

type Options = Readonly<{
  store: ReadModelStore
  /** Whether a process has to report on a feed. */
  expectsIngest: boolean
  now: UnixMs
}>

export async function readOverview({ store, expectsIngest, now }: Options): Promise<Overview> {
  const statuses = await readStatuses(store, now)
  const models = await Promise.all(
    readModels.map(async ({ name: model }) => {
      const pointer = await store.pointer(model)
      return { model, status: pointer && generationStatus(statuses, pointer, now) }
    }),
  )
  return { statuses, models, ingest: ingestOverview(statuses.ingests, expectsIngest, now) }
}
