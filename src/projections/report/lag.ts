import type { UnixMs } from '../../domain/time.ts'
import type { EventStore } from '../../event-store/event-store.ts'
import type { PartitionStatus, ProjectorStatus } from '../../read-model-store/status.ts'
import { inTime } from '../../runtime/in-time.ts'
import type { Tracker } from './tracker.ts'

type Log = Pick<EventStore, 'heads' | 'read'>

/** The heads of the log as last read. */
type HeadWatch = Readonly<{
  /** Reads them again. If that fails or takes over a second, returns the last known. */
  heads: () => Promise<ReadonlyMap<number, number>>
  /** When the last read of them began; null before the first. */
  readAt: () => UnixMs | null
}>

const waitMsMax = 1_000

export function watchHeads(log: Log): HeadWatch {
  let heads: ReadonlyMap<number, number> = new Map()
  let readAt: UnixMs | null = null
  /** The pending read: a log that hangs is read once, not once a second. */
  let pending: Promise<void> | undefined

  const read = async () => {
    const begunAt = Date.now()
    const bounds = await log.heads()
    heads = new Map(bounds.map(({ partition, head }) => [partition, head]))
    readAt = begunAt
  }
  return {
    heads: async () => {
      pending ??= read().finally(() => {
        pending = undefined
      })
      const current = pending
      await unlessLate(() => current)
      return heads
    },
    readAt: () => readAt,
  }
}

/** By partition, the age in seconds of the oldest event that isn't applied yet. */
type LagClock = (status: ProjectorStatus) => Promise<ReadonlyMap<number, number>>

/**
 * Usually takes the age from the batch that a projector is applying. Reads the log only for a
 * partition that has no batch and is behind the head of the previous report, once per position.
 */
export function createLagClock(log: Log, tracker: Tracker): LagClock {
  const before = new Map<number, LagSample>()

  const oldest = async ({ partition, next, head }: PartitionStatus): Promise<LagSample> => {
    const last = before.get(partition)
    const isLate = last !== undefined && next < last.head
    const known = tracker.waitingSince(partition) ?? (last?.next === next ? last.at : undefined)
    const at = isLate ? (known ?? (await recordedAt(log, partition, next))) : known
    return { next, head, at: next < head ? at : undefined }
  }
  return async ({ partitions }) => {
    const seconds = new Map<number, number>()
    for (const each of partitions) {
      const sample = await oldest(each)
      before.set(each.partition, sample)
      const ms = sample.at === undefined ? 0 : Math.max(0, Date.now() - sample.at)
      seconds.set(each.partition, ms / 1_000)
    }
    return seconds
  }
}

/** The checkpoint of a partition, and when its oldest event that isn't applied was recorded. */
type LagSample = Readonly<{ next: number; head: number; at: UnixMs | undefined }>

const recordedAt = (log: Log, partition: number, from: number): Promise<UnixMs | undefined> =>
  unlessLate(async (signal) => {
    const one = { partition, from, to: from + 1, batchEventsMax: 1, signal }
    for await (const { events } of log.read(one)) return events[0]?.recordedAt
    return undefined
  })

/** Undefined if it fails or takes too long. */
const unlessLate = <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> =>
  inTime(waitMsMax, work).catch(() => undefined)
