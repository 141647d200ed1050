import type { UnixMs } from '../../domain/time.ts'
import type { EventStore } from '../../event-store/event-store.ts'
import type { PartitionStatus, ProjectorStatus } from '../../read-model-store/status.ts'
import { inTime } from '../../runtime/in-time.ts'
import type { Tracker } from './tracker.ts'

type Log = Pick<EventStore, 'heads' | 'read'>

/** The heads of the log as last read. */
export type HeadWatch = Readonly<{
  /** Reads them anew, but doesn't wait long for a log that hangs: then gives the last known. */
  heads: () => Promise<ReadonlyMap<number, number>>
  /** When they were last read; null before the first time. */
  readAt: () => UnixMs | null
}>

const waitMsMax = 1_000

export function watchHeads(log: Log): HeadWatch {
  let heads: ReadonlyMap<number, number> = new Map()
  let readAt: UnixMs | null = null
  /** A log that hangs is asked once, not once a second. */
  let asking: Promise<void> | undefined

  const read = async () => {
    const bounds = await log.heads()
    heads = new Map(bounds.map(({ partition, head }) => [partition, head]))
    readAt = Date.now()
  }
  return {
    heads: async () => {
      asking ??= read().finally(() => {
        asking = undefined
      })
      const asked = asking
      await unlessLate(() => asked)
      return heads
    },
    readAt: () => readAt,
  }
}

/** For how long, in seconds by partition, the oldest event has waited that isn't applied yet. */
export type LagClock = (status: ProjectorStatus) => Promise<ReadonlyMap<number, number>>

/**
 * Mostly the batch tells that a projector has at hand. The log is asked only for a partition that
 * has none and lacks what was in the log a report ago, and once a position.
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
    for (const of of partitions) {
      const sample = await oldest(of)
      before.set(of.partition, sample)
      const ms = sample.at === undefined ? 0 : Math.max(0, Date.now() - sample.at)
      seconds.set(of.partition, ms / 1_000)
    }
    return seconds
  }
}

/** Where a partition stood, and when the oldest event was recorded that it lacked. */
type LagSample = Readonly<{ next: number; head: number; at: UnixMs | undefined }>

const recordedAt = (log: Log, partition: number, from: number): Promise<UnixMs | undefined> =>
  unlessLate(async (signal) => {
    const one = { partition, from, to: from + 1, batchEventsMax: 1, signal }
    for await (const { events } of log.read(one)) return events[0]?.recordedAt
    return undefined
  })

/** Undefined if it fails or takes too long. */
const unlessLate = <T>(work: (over: AbortSignal) => Promise<T>): Promise<T | undefined> =>
  inTime(waitMsMax, work).catch(() => undefined)
