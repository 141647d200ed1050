import type { UnixMs } from '../domain/time.ts'
import type { RejectReason } from './feed.ts'

/** What one feed has sent since the start of ingest. */
export const createFeedCounts = () => ({
  /** Trades that were taken from messages. */
  received: 0,
  /** Events that say that an interruption of a symbol begins or ends. */
  interruptions: 0,
  rejected: {} as Partial<Record<RejectReason, number>>,
  messages: 0,
  /** Messages by which the feed reports an error. */
  feedErrors: 0,
  connections: 0,
})

export type FeedCounts = ReturnType<typeof createFeedCounts>

/**
 * What has become of it. Over all feeds,
 * received + interruptions = appended + passedOver + dropped + buffered.
 */
export const createAppendCounts = () => ({
  appended: 0,
  /** Rows of a file that the log had already. */
  passedOver: 0,
  /** Not appended, since another process took over or the time to stop was up. */
  dropped: 0,
  appends: 0,
  /** The time they took, failed attempts and the waits between included. */
  appendMs: 0,
  appendFailures: 0,
  /** Since when the append in flight hasn't succeeded; null between appends. */
  appendingSince: null as UnixMs | null,
})

export type AppendCounts = ReturnType<typeof createAppendCounts>

/** Of all feeds together. */
export function sumOf(feeds: readonly Readonly<FeedCounts>[]): FeedCounts {
  const { rejected, ...sum } = createFeedCounts()
  for (const feed of feeds) {
    for (const name of namesOf(sum)) sum[name] += feed[name]
    for (const reason of namesOf(feed.rejected)) {
      rejected[reason] = (rejected[reason] ?? 0) + (feed.rejected[reason] ?? 0)
    }
  }
  return { ...sum, rejected }
}

const namesOf = <T extends object>(counts: T) => Object.keys(counts) as (keyof T)[]
