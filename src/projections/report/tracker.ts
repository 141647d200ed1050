import { hasCode, TradelogError } from '../../domain/errors.ts'
import type { UnixMs } from '../../domain/time.ts'
import type { Batch, PartitionBounds } from '../../event-store/event-store.ts'
import type { Checkpoint } from '../../read-model-store/read-model-store.ts'
import {
  type PartitionStatus,
  type ProjectorState,
  type ProjectorStatus,
  stalledAfterMs,
} from '../../read-model-store/status.ts'
import { countFailures } from '../../runtime/backoff.ts'
import type { Projection } from '../projection.ts'

type Received = Pick<Batch, 'partition' | 'to' | 'events'>

/** Tracks one projector of this process, for the status row. */
export type Tracker = Readonly<{
  follows: (generation: string) => void
  assigned: (partitions: readonly PartitionBounds[], checkpoint: Checkpoint) => void
  received: (batch: Received) => void
  committed: (checkpoint: Checkpoint) => void
  retrying: (error: unknown) => void
  stopped: (error: unknown) => void
  /** `heads` by partition: the lag counts from these, the state from those of the previous call. */
  status: (heads: ReadonlyMap<number, number>) => ProjectorStatus
  /** When the oldest event that is received but not applied was recorded, if there is one. */
  waitingSince: (partition: number) => UnixMs | undefined
}>

/**
 * `retrying` ends when all has been well for this long. A flap is one failure then; a short failure
 * is over before it counts as trouble.
 */
const wellAfterMs = stalledAfterMs / 2

/** A retry fails within this time. One that hasn't is waiting for partitions. */
const failAgainMsMax = 60_000

export function createTracker(projection: Projection, now: () => UnixMs = Date.now): Tracker {
  const { name: model, version } = projection
  let generation = ''
  let failedAt = 0
  let isAssigned = false
  let lastCommitAt: number | null = null
  const condition = createCondition(now)
  const progress = createProgress()

  /** Without partitions a projector stands by. At the head it has nothing to fail at. */
  const updateState = () => {
    const stillSince = progress.stillSince(now())
    if (condition.is('stopped')) return
    if (!isAssigned) {
      const waitMsMax = condition.is('retrying') ? failAgainMsMax : stalledAfterMs
      if (now() - failedAt <= waitMsMax) return
      progress.assign([], new Map())
      condition.enter('standing by')
    } else if (stillSince === undefined) condition.works('caught up')
    else if (!condition.is('retrying')) {
      if (now() - stillSince < stalledAfterMs) condition.enter('catching up')
      else condition.enter('stalled', stillSince)
    }
  }
  return {
    follows: (id) => {
      generation = id
      isAssigned = false
      progress.assign([], new Map())
      condition.enter('standing by')
    },
    assigned: (bounds, checkpoint) => {
      isAssigned = true
      progress.assign(bounds, checkpoint)
      if (!condition.is('retrying')) condition.enter('catching up')
    },
    received: progress.received,
    committed: (checkpoint) => {
      lastCommitAt = now()
      progress.committed(checkpoint)
      if (condition.is('retrying')) condition.works('catching up')
    },
    retrying: (cause) => {
      isAssigned = false
      failedAt = now()
      // Another process has the partitions: no fault.
      if (hasCode(cause, 'CHECKPOINT_MOVED')) condition.enter('standing by')
      else condition.fails(cause)
    },
    stopped: (cause) => {
      failedAt = now()
      condition.stops(cause)
    },
    status: (heads) => {
      updateState()
      const partitions = progress.against(heads)
      return { model, version, generation, ...condition.current(), partitions, lastCommitAt }
    },
    waitingSince: progress.waitingSince,
  }
}

type Condition = Pick<ProjectorStatus, 'state' | 'since' | 'error'>

/** The state of a projector, and since when. */
function createCondition(now: () => UnixMs) {
  const failures = countFailures({ lastingMs: wellAfterMs, now })
  let current: Condition = { state: 'standing by', since: now(), error: null }

  const enter = (state: ProjectorState, at = now(), error: Condition['error'] = null) => {
    current = { state, since: state === current.state ? current.since : at, error }
  }
  return {
    current: () => current,
    is: (state: ProjectorState) => current.state === state,
    enter,
    /** Something works: `retrying` goes on until that has lasted. */
    works: (next: ProjectorState) => {
      const isOver = failures.works() > 0
      if (isOver || current.state !== 'retrying') enter(next)
    },
    fails: (cause: unknown) => {
      failures.failed()
      enter('retrying', failures.since(), described(cause, now()))
    },
    stops: (cause: unknown) => enter('stopped', now(), described(cause, now())),
  }
}

const described = (cause: unknown, at: UnixMs) => ({
  code: cause instanceof TradelogError ? cause.code : 'INTERNAL_ERROR',
  message: cause instanceof Error ? cause.message : String(cause),
  at,
})

/** How far the partitions of one projector are, and since when. */
function createProgress() {
  let partitions: readonly number[] = []
  let checkpoint: Checkpoint = new Map()
  /** A partition below these is behind. Below the latest heads is normal under a steady flow. */
  let headsBefore: ReadonlyMap<number, number> = new Map()
  /** Batches from their arrival to their commit: kept longer, they would cost memory. */
  const waiting = new Map<number, Received>()
  const seen = new Map<number, Readonly<{ next: number; at: UnixMs }>>()
  const nextOf = (partition: number) => checkpoint.get(partition)?.next ?? 0

  return {
    assign: (bounds: readonly PartitionBounds[], from: Checkpoint) => {
      partitions = bounds.map(({ partition }) => partition)
      checkpoint = from
      headsBefore = new Map(bounds.map(({ partition, head }) => [partition, head]))
      waiting.clear()
    },
    received: (batch: Received) => void waiting.set(batch.partition, batch),
    committed: (to: Checkpoint) => {
      checkpoint = to
      for (const batch of waiting.values()) {
        if (batch.to <= nextOf(batch.partition)) waiting.delete(batch.partition)
      }
    },
    /** Since when a partition that is behind hasn't moved: the earliest time. */
    stillSince: (now: UnixMs): UnixMs | undefined => {
      const behind = partitions.filter((each) => nextOf(each) < (headsBefore.get(each) ?? 0))
      for (const partition of seen.keys()) if (!behind.includes(partition)) seen.delete(partition)
      for (const partition of behind) {
        const next = nextOf(partition)
        if (seen.get(partition)?.next !== next) seen.set(partition, { next, at: now })
      }
      return behind.length === 0 ? undefined : Math.min(...Array.from(seen.values(), (s) => s.at))
    },
    against: (heads: ReadonlyMap<number, number>): readonly PartitionStatus[] => {
      headsBefore = heads
      return partitions.map((partition) => {
        const next = nextOf(partition)
        const head = Math.max(heads.get(partition) ?? next, next)
        return { partition, next, head, applied: checkpoint.get(partition)?.applied ?? 0 }
      })
    },
    waitingSince: (partition: number) =>
      waiting.get(partition)?.events.find(({ offset }) => offset >= nextOf(partition))?.recordedAt,
  }
}
