import type { UnixMs } from '../domain/trade-executed.ts'

/**
 * What processes write about themselves into the read-model store, for the API to show: it never
 * asks the log. Rows of one kind from several processes are merged by the reader, newest first.
 */
export type StatusReport = ProjectStatus | ReplayStatus | VerifyStatus

/** A row older than this is stale: its writer may hang or be gone. */
export const statusStaleAfterMs = 10_000

export type ProjectorState = 'standing by' | 'catching up' | 'caught up' | 'retrying' | 'stopped'

/** Written every second by each process of the project role, under `project:<process>`. */
export type ProjectStatus = Readonly<{ kind: 'project'; models: readonly ProjectorStatus[] }>

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
  error: Readonly<{ code: string; message: string; at: UnixMs }> | null
}>

export type PartitionStatus = Readonly<{
  partition: number
  /** The checkpoint: the next offset to apply. */
  next: number
  head: number
  applied: number
}>

/** Written every second by a process that rebuilds a model, under `replay:<model>`. */
export type ReplayStatus = Readonly<{
  kind: 'replay'
  model: string
  version: number
  generation: string
  state: 'building' | 'promoted' | 'failed'
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
  /** Events left out since an operator said so. */
  eventsSkipped: number
  startedAt: UnixMs
  finishedAt: UnixMs
}>
