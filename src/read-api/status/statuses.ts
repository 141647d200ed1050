import type { UnixMs } from '../../domain/time.ts'
import type {
  Pointer,
  ReadModelStore,
  Row,
  StatusRow,
} from '../../read-model-store/read-model-store.ts'
import {
  type IngestStatus,
  type PartitionStatus,
  type ProcessStatus,
  type ProjectorState,
  type ProjectorStatus,
  type ReplayStatus,
  type StatusReport,
  statusStaleAfterMs,
  type VerifyStatus,
} from '../../read-model-store/status.ts'

type Timed<T> = T & Readonly<{ writtenAt: UnixMs; isStale: boolean }>

/** What processes report about themselves, by kind, newest first. */
export type Statuses = Readonly<{
  /** When each process of the project role last read the heads of the log. */
  heads: readonly Timed<Pick<ProcessStatus, 'headsAt'>>[]
  projectors: readonly Timed<ProjectorStatus>[]
  ingests: readonly Timed<IngestStatus>[]
  replays: readonly Timed<ReplayStatus>[]
  verifications: readonly Timed<VerifyStatus>[]
}>

export async function readStatuses(store: ReadModelStore, now: UnixMs): Promise<Statuses> {
  const heads: Timed<Pick<ProcessStatus, 'headsAt'>>[] = []
  const projectors: Timed<ProjectorStatus>[] = []
  const ingests: Timed<IngestStatus>[] = []
  const replays: Timed<ReplayStatus>[] = []
  const verifications: Timed<VerifyStatus>[] = []
  for (const { status, writtenAt } of await store.statuses()) {
    const time = { writtenAt, isStale: now - writtenAt > statusStaleAfterMs }
    if (!isReport(status)) continue
    if (status.kind === 'ingest') ingests.push({ ...status, ...time })
    else if (status.kind === 'replay') replays.push({ ...status, ...time })
    else if (status.kind === 'verify') verifications.push({ ...status, ...time })
    else {
      heads.push({ headsAt: status.headsAt, ...time })
      for (const model of status.models) projectors.push({ ...model, ...time })
    }
  }
  return { heads, projectors, ingests, replays, verifications }
}

type GenerationState = ProjectorState | 'frozen'

/** What the processes that update a generation report on it, taken together. */
export type GenerationStatus = Readonly<{
  /** The most urgent state reported; `frozen` if no process has reported lately. */
  state: GenerationState
  since: UnixMs | null
  writtenAt: UnixMs | null
  lastCommitAt: UnixMs | null
  error: ProjectorStatus['error']
  partitions: ReadonlyMap<number, PartitionStatus>
}>

export function generationStatus(
  statuses: Statuses,
  { model, active, promotedAt }: Pointer,
  now: UnixMs,
): GenerationStatus {
  const ofModel = statuses.projectors.filter((report) => report.model === model)
  const reports = ofModel.filter((report) => report.generation === active)
  const fresh = reports.filter((report) => !report.isStale)
  // In a rolling deploy, processes of another version can't do the work; their state counts last.
  const able = fresh.filter(({ error }) => error?.code !== 'VERSION_MISMATCH')
  const worst = (able.length > 0 ? able : fresh).toSorted(
    (a, b) => urgency(a.state) - urgency(b.state),
  )[0]
  const writtenAt = reports[0]?.writtenAt ?? null
  // Right after a promotion the projectors still report on the former generation.
  const isMoving = now - promotedAt < statusStaleAfterMs && ofModel.some((of) => !of.isStale)
  return {
    state: worst?.state ?? (isMoving ? 'catching up' : 'frozen'),
    since: worst === undefined ? writtenAt : worst.since,
    writtenAt,
    lastCommitAt: latest(reports.map((report) => report.lastCommitAt)),
    error: worst?.error ?? null,
    partitions: newestPartitions(reports),
  }
}

const byUrgency: readonly ProjectorState[] = [
  'stopped',
  'retrying',
  'stalled',
  'catching up',
  'caught up',
  'standing by',
]

const urgency = (state: ProjectorState): number => byUrgency.indexOf(state)

function newestPartitions(reports: readonly ProjectorStatus[]) {
  const partitions = new Map<number, PartitionStatus>()
  for (const status of reports.flatMap((report) => report.partitions)) {
    if (!partitions.has(status.partition)) partitions.set(status.partition, status)
  }
  return partitions
}

function latest(times: readonly (UnixMs | null)[]): UnixMs | null {
  const known = times.filter((time) => time !== null)
  return known.length === 0 ? null : Math.max(...known)
}

const kinds: readonly unknown[] = [
  'project',
  'ingest',
  'replay',
  'verify',
] satisfies StatusReport['kind'][]

const isReport = (status: StatusRow['status']): status is Row & StatusReport =>
  kinds.includes(status.kind)
