import type { UnixMs } from '../domain/time.ts'

/**
 * What processes report about themselves, in the read-model store, for the API to show: it never
 * asks the log. The reader merges rows of one kind from several processes, newest first.
 */
export type StatusReport = ProcessStatus | IngestStatus | ReplayStatus | VerifyStatus

/** A row older than this is stale: its writer may hang or be gone. */
export const statusStaleAfterMs = 10_000

/** A projector that lags and has stored nothing for this long is stalled. */
export const stalledAfterMs = 10_000

export const projectorStates = [
  'standing by',
  'catching up',
  'caught up',
  'stalled',
  'retrying',
  'stopped',
] as const
export type ProjectorState = (typeof projectorStates)[number]

/** Written every second by each process of the project role, under `project:<process>`. */
export type ProcessStatus = Readonly<{
  kind: 'project'
  models: readonly ProjectorStatus[]
  /** When the heads for the lag were read: it ages while the log is unavailable. */
  headsAt: UnixMs | null
}>

export type ProjectorStatus = Readonly<{
  model: string
  /** The version of this process' code. */
  version: number
  generation: string
  state: ProjectorState
  since: UnixMs
  /** Only the partitions that this process holds. */
  partitions: readonly PartitionStatus[]
  /** Null before the first batch since the start of the process. */
  lastCommitAt: UnixMs | null
  /**
   * By partition: a time before which everything that was in the log is applied. It stays when the
   * partition goes to another process. A process of an older version doesn't report it.
   */
  caughtUpAt?: Readonly<Record<string, UnixMs>>
  error: Readonly<{ code: string; message: string; at: UnixMs }> | null
}>

/** What keeps a projector from its work, if anything. A retry counts after `stalledAfterMs`. */
export function troubleOf(
  { state, since, error }: Pick<ProjectorStatus, 'state' | 'since' | 'error'>,
  now: UnixMs,
): string | undefined {
  if (state === 'stalled') return 'stalled: it is behind the log and stores nothing'
  if (state !== 'stopped' && state !== 'retrying') return undefined
  if (state === 'retrying' && now - since < stalledAfterMs) return undefined
  return error === null ? state : `${state}: ${error.code}: ${error.message}`
}

export type PartitionStatus = Readonly<{
  partition: number
  /** The checkpoint: the next offset to apply. */
  next: number
  head: number
  applied: number
}>

/** Written every second by each process of the ingest role, under `ingest:<process>`. */
export type IngestStatus = Readonly<{
  kind: 'ingest'
  state: 'standing by' | 'active' | 'stopped'
  since: UnixMs
  /** Empty if the settings name no feed. */
  feeds: readonly FeedStatus[]
  /** What keeps ingest from filling the log, as its own readiness says it. */
  problems: readonly Readonly<{ part: string; message: string; since: UnixMs }>[]
}>

/** What ingest knows of a feed; of a process that stands by, nothing is known. */
type FeedStatus = Readonly<{
  source: string
  /** `played`: every row of the file has come. */
  state: 'connecting' | 'connected' | 'disconnected' | 'played'
  since: UnixMs
  /** What is wrong with it, and what to do; null if nothing is known to be wrong. */
  problem: string | null
  /** All that the feed sent before this is in the log; null if it was never heard. */
  heardUntil: UnixMs | null
  /** When the latest trade came. */
  lastTradeAt: UnixMs | null
  /** The latest one, which may not be in the log yet; `until` is null while it goes on. */
  interruption: Readonly<{ from: UnixMs; until: UnixMs | null; reason: string }> | null
}>

/** Written every second by a process that rebuilds a model, under `replay:<model>`. */
export type ReplayStatus = Readonly<{
  kind: 'replay'
  model: string
  version: number
  generation: string
  /** `interrupted`: the next replay continues it. */
  state: 'building' | 'promoted' | 'interrupted' | 'failed'
  /** Read from the log; a model that ignores a type of event applies fewer. */
  eventsDone: number
  eventsTotal: number
  eventsPerSecond: number
  remainingMs: number | null
  startedAt: UnixMs
  error: Readonly<{ code: string; message: string }> | null
}>

/** Written at the end of each verification, under `verify:<model>`. */
export type VerifyStatus = Readonly<{
  kind: 'verify'
  model: string
  generation: string
  result: 'equal' | 'different' | 'could not check'
  /** The first difference, or why it couldn't be checked. */
  detail: string | null
  rowsCompared: number
  /** Rows found to differ; if very much differs, the search ends early. */
  differences: number
  /** Events skipped because an operator said so. */
  eventsSkipped: number
  startedAt: UnixMs
  finishedAt: UnixMs
}>
