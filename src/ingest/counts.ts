import type { UnixMs } from '../domain/time.ts'
import type { RejectReason } from './finnhub-message.ts'

/**
 * What ingest has seen since its start.
 * received + interruptions = appended + passedOver + dropped + buffered.
 */
export type IngestCounts = {
  /** Trades that were taken from messages. */
  received: number
  /** Events that say so, one per gap and symbol. */
  interruptions: number
  appended: number
  /** Rows of a file that the log had already. */
  passedOver: number
  /** Not appended, since another process took over or the time to stop was up. */
  dropped: number
  rejected: Partial<Record<RejectReason, number>>
  messages: number
  /** Messages by which the feed reports an error. */
  feedErrors: number
  connections: number
  appends: number
  /** The time they took, failed attempts and the waits between included. */
  appendMs: number
  appendFailures: number
  /** Since when the append in flight hasn't succeeded; null between appends. */
  appendingSince: UnixMs | null
}

export const createCounts = (): IngestCounts => ({
  received: 0,
  interruptions: 0,
  appended: 0,
  passedOver: 0,
  dropped: 0,
  rejected: {},
  messages: 0,
  feedErrors: 0,
  connections: 0,
  appends: 0,
  appendMs: 0,
  appendFailures: 0,
  appendingSince: null,
})
