import type { UnixMs } from '../../domain/time.ts'
import { readModels } from '../../projections/read-models/index.ts'
import type {
  Checkpoint,
  GenerationInfo,
  Pointer,
  ReadModelStore,
  Skip,
} from '../../read-model-store/read-model-store.ts'
import { plainRoute, type Route } from '../http/route.ts'
import { list, object } from '../http/schema.ts'
import { isoOf } from '../read-models/time.ts'
import { readModelSchema } from '../status/schema.ts'
import { generationStatus, readStatuses, type Statuses } from '../status/statuses.ts'

/** Combines the store's generations with the status rows that processes write about themselves. */
export const readModelsRoute = (store: ReadModelStore, now: () => UnixMs): Route =>
  plainRoute({
    path: '/api/v1/read-models',
    summary: 'Every read model: its progress, its latest replay and its latest verification',
    answer: object({ data: list(readModelSchema) }),
    read: async () => {
      const statuses = await readStatuses(store, now())
      const generations = await store.generations()
      const skips = await store.skips()
      const names = readModels.map(({ name }) => name)
      return {
        data: await Promise.all(
          names.map((name) =>
            describeModel(store, name, {
              now: now(),
              statuses,
              generations: generations.filter(({ model }) => model === name),
              skips: skips.filter(({ model }) => model === name),
            }),
          ),
        ),
      }
    },
  })

type Known = Readonly<{
  now: UnixMs
  statuses: Statuses
  generations: readonly GenerationInfo[]
  skips: readonly Skip[]
}>

async function describeModel(store: ReadModelStore, name: string, known: Known) {
  const pointer = await store.pointer(name)
  const active = known.generations.find(({ id }) => id === pointer?.active)
  const replay = known.statuses.replays.find(({ model }) => model === name)
  const verification = known.statuses.verifications.find(({ model }) => model === name)
  return {
    name,
    version: active?.version ?? null,
    generation: pointer?.active ?? null,
    promoted_at: isoOf(pointer?.promotedAt),
    ...(pointer === undefined ? notBuilt : await describeProgress(store, pointer, known)),
    generations: known.generations.map((info) => shownGeneration(info, pointer)),
    replay: replay === undefined ? null : shownReplay(replay),
    verification: verification === undefined ? null : shownVerification(verification),
  }
}

const notBuilt = {
  state: 'not built',
  since: null,
  error: null,
  last_update_at: null,
  status_at: null,
  events_applied: 0,
  lag: null,
  checkpoint: [],
  skips: [],
}

/** The checkpoint comes from the generation; heads, and so the lag, come from the status rows. */
async function describeProgress(store: ReadModelStore, pointer: Pointer, known: Known) {
  const { statuses, now, skips } = known
  const checkpoint = await (await store.open(pointer.active)).checkpoint()
  const status = generationStatus(statuses, pointer, now)
  const partitions = partitionsOf(checkpoint, status.partitions)
  const lags = partitions.map(({ lag }) => lag).filter((lag) => lag !== null)
  return {
    state: status.state,
    since: isoOf(status.since),
    error: status.error && { ...status.error, at: isoOf(status.error.at) },
    last_update_at: isoOf(status.lastCommitAt),
    status_at: isoOf(status.writtenAt),
    events_applied: partitions.reduce((sum, { applied }) => sum + applied, 0),
    lag: lags.length === 0 ? null : lags.reduce((sum, lag) => sum + lag, 0),
    checkpoint: partitions,
    skips: skips
      .filter(({ partition, origin }) => checkpoint.get(partition)?.origin === origin)
      .map(({ partition, offset, why, at }) => ({ partition, offset, why, at: isoOf(at) })),
  }
}

function partitionsOf(checkpoint: Checkpoint, heads: ReadonlyMap<number, { head: number }>) {
  const numbers = [...new Set([...checkpoint.keys(), ...heads.keys()])].sort((a, b) => a - b)
  return numbers.map((partition) => {
    const next = checkpoint.get(partition)?.next ?? 0
    const head = heads.get(partition)?.head ?? null
    return {
      partition,
      next,
      applied: checkpoint.get(partition)?.applied ?? 0,
      head,
      // The status is older than the checkpoint: events may have been applied since.
      lag: head === null ? null : Math.max(0, head - next),
    }
  })
}

const shownGeneration = ({ id, version, createdAt }: GenerationInfo, pointer?: Pointer) => ({
  id,
  version,
  created_at: isoOf(createdAt),
  role: roleOf(id, pointer),
})

/** Ids rise with time: no build up to the newest promoted generation is ever continued. */
function roleOf(id: string, pointer?: Pointer) {
  if (id === pointer?.active) return 'active'
  if (id === pointer?.former) return 'former'
  return id <= (pointer?.newest ?? pointer?.active ?? '') ? 'superseded' : 'building'
}

const shownReplay = (replay: Statuses['replays'][number]) => ({
  generation: replay.generation,
  version: replay.version,
  state: replay.state,
  events_done: replay.eventsDone,
  events_total: replay.eventsTotal,
  events_per_second: replay.eventsPerSecond,
  remaining_ms: replay.remainingMs,
  started_at: isoOf(replay.startedAt),
  status_at: isoOf(replay.writtenAt),
  is_stale: replay.isStale,
  error: replay.error,
})

const shownVerification = (verification: Statuses['verifications'][number]) => ({
  // Empty if there was no generation to verify.
  generation: verification.generation || null,
  result: verification.result,
  detail: verification.detail,
  rows_compared: verification.rowsCompared,
  events_skipped: verification.eventsSkipped ?? 0,
  started_at: isoOf(verification.startedAt),
  finished_at: isoOf(verification.finishedAt),
})
