import { hasCode, TradelogError } from '../../domain/errors.ts'
import type { UnixMs } from '../../domain/time.ts'
import type { Batch, PartitionBounds } from '../../event-store/event-store.ts'
import type { Checkpoint } from '../../read-model-store/read-model-store.ts'
import {
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
  /** The lag counts from these heads, the state from those of the previous call. */
  status: (heads: Heads) => ProjectorStatus
  /** When the oldest event that is received but not applied was recorded, if there is one. */
  waitingSince: (partition: number) => UnixMs | undefined
}>

/**
 * `retrying` ends when all has been well for this long. A flap is one failure then; a short failure
 * is over before it counts as trouble.
 */
const wellAfterMs = stalledAfterMs / 2

/** The heads of the log by partition, and when they were read; null if they never were. */
export type Heads = Readonly<{ heads: ReadonlyMap<number, number>; readAt: UnixMs | null }>

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
      const progressed = progress.against(heads)
      return { model, version, generation, ...condition.current(), ...progressed, lastCommitAt }
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
  let before: Heads = { heads: new Map(), readAt: null }
  /** By partition, the latest head known to be reached, and when it was the head. */
  const reached = new Map<number, Readonly<{ head: number; at: UnixMs }>>()
  /** Batches from their arrival to their commit: kept longer, they would cost memory. */
  const waiting = new Map<number, Received>()
  const seen = new Map<number, Readonly<{ next: number; at: UnixMs }>>()
  const nextOf = (partition: number) => checkpoint.get(partition)?.next ?? 0
  const noteReached = ({ heads, readAt: at }: Heads) => {
    for (const partition of partitions) {
      const head = heads.get(partition)
      if (at === null || head === undefined || nextOf(partition) < head) continue
      reached.set(partition, { head, at })
    }
  }

  return {
    assign: (bounds: readonly PartitionBounds[], from: Checkpoint) => {
      partitions = bounds.map(({ partition }) => partition)
      checkpoint = from
      before = { heads: new Map(bounds.map((each) => [each.partition, each.head])), readAt: null }
      waiting.clear()
      // A database that was put back, or another generation, may be behind what was reached.
      for (const partition of partitions) {
        if (nextOf(partition) < (reached.get(partition)?.head ?? 0)) reached.delete(partition)
      }
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
      const behind = partitions.filter((each) => nextOf(each) < (before.heads.get(each) ?? 0))
      for (const partition of seen.keys()) if (!behind.includes(partition)) seen.delete(partition)
      for (const partition of behind) {
        const next = nextOf(partition)
        if (seen.get(partition)?.next !== next) seen.set(partition, { next, at: now })
      }
      return behind.length === 0 ? undefined : Math.min(...Array.from(seen.values(), (s) => s.at))
    },
    against: (now: Heads): Pick<ProjectorStatus, 'partitions' | 'caughtUpAt'> => {
      // Under a steady flow only the heads of the previous call are reached.
      noteReached(before)
      noteReached(now)
      before = now
      const statuses = partitions.map((partition) => {
        const next = nextOf(partition)
        const head = Math.max(now.heads.get(partition) ?? next, next)
        return { partition, next, head, applied: checkpoint.get(partition)?.applied ?? 0 }
      })
      const caughtUpAt = Array.from(reached, ([partition, { at }]) => [partition, at])
      return { partitions: statuses, caughtUpAt: Object.fromEntries(caughtUpAt) }
    },
    waitingSince: (partition: number) =>
      waiting.get(partition)?.events.find(({ offset }) => offset >= nextOf(partition))?.recordedAt,
  }
}
