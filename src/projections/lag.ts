import { setTimeout as sleep } from 'node:timers/promises'
import type { UnixMs } from '../domain/trade-executed.ts'
import type { EventStore } from '../event-store/event-store.ts'
import type { ProjectorStatus } from './status.ts'
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

export const watchHeads = (log: Log): HeadWatch => {
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
      await inTime(() => asked)
      return heads
    },
    readAt: () => readAt,
  }
}

/** For how long, in seconds by partition, the oldest event has waited that isn't applied yet. */
export type LagClock = (status: ProjectorStatus) => Promise<ReadonlyMap<number, number>>

/**
 * Mostly the batch tells that a projector has at hand. The log is asked only about a partition
 * that stands still without one, and once a position.
 */
export const createLagClock = (log: Log, tracker: Tracker): LagClock => {
  const oldest = new Map<number, Readonly<{ next: number; recordedAt: UnixMs | undefined }>>()

  const find = async (partition: number, next: number): Promise<UnixMs | undefined> => {
    const received = tracker.waitingSince(partition)
    if (received !== undefined) return received
    const before = oldest.get(partition)
    const isKnown = before?.recordedAt !== undefined
    if (before?.next === next) return isKnown ? before.recordedAt : recordedAt(log, partition, next)
    return before?.recordedAt
  }
  return async ({ partitions }) => {
    const seconds = new Map<number, number>()
    for (const { partition, next, head } of partitions) {
      if (next >= head) oldest.delete(partition)
      else oldest.set(partition, { next, recordedAt: await find(partition, next) })
      const since = oldest.get(partition)?.recordedAt
      seconds.set(partition, since === undefined ? 0 : Math.max(0, Date.now() - since) / 1_000)
    }
    return seconds
  }
}

const recordedAt = (log: Log, partition: number, from: number): Promise<UnixMs | undefined> =>
  inTime(async (signal) => {
    const one = { partition, from, to: from + 1, batchEventsMax: 1, signal }
    for await (const { events } of log.read(one)) return events[0]?.recordedAt
    return undefined
  })

/** Undefined where it fails or takes too long. */
const inTime = async <T>(work: (over: AbortSignal) => Promise<T>): Promise<T | undefined> => {
  const over = new AbortController()
  const { signal } = over
  try {
    return await Promise.race([work(signal), sleep(waitMsMax, undefined, { signal })])
  } catch {
    return undefined
  } finally {
    over.abort()
  }
}
