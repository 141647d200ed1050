import type { UnixMs } from '../domain/time.ts'
import type { RejectReason } from './feed.ts'

/** What one feed has sent since the start of ingest. */
export type FeedCounts = {
  /** Trades that were taken from messages. */
  received: number
  /** Events that say so, one per interruption and symbol. */
  interruptions: number
  rejected: Partial<Record<RejectReason, number>>
  messages: number
  /** Messages by which the feed reports an error. */
  feedErrors: number
  connections: number
}

/**
 * What has become of it. Over all feeds,
 * received + interruptions = appended + passedOver + dropped + buffered.
 */
export type AppendCounts = {
  appended: number
  /** Rows of a file that the log had already. */
  passedOver: number
  /** Not appended, since another process took over or the time to stop was up. */
  dropped: number
  appends: number
  /** The time they took, failed attempts and the waits between included. */
  appendMs: number
  appendFailures: number
  /** Since when the append in flight hasn't succeeded; null between appends. */
  appendingSince: UnixMs | null
}

export const createFeedCounts = (): FeedCounts => ({
  received: 0,
  interruptions: 0,
  rejected: {},
  messages: 0,
  feedErrors: 0,
  connections: 0,
})

export const createAppendCounts = (): AppendCounts => ({
  appended: 0,
  passedOver: 0,
  dropped: 0,
  appends: 0,
  appendMs: 0,
  appendFailures: 0,
  appendingSince: null,
})

/** Of all feeds together. */
export function sumOf(feeds: readonly Readonly<FeedCounts>[]): FeedCounts {
  const sum = createFeedCounts()
  for (const feed of feeds) {
    sum.received += feed.received
    sum.interruptions += feed.interruptions
    sum.messages += feed.messages
    sum.feedErrors += feed.feedErrors
    sum.connections += feed.connections
    for (const [reason, count] of Object.entries(feed.rejected) as [RejectReason, number][]) {
      sum.rejected[reason] = (sum.rejected[reason] ?? 0) + count
    }
  }
  return sum
}
