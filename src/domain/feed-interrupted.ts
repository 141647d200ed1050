import type { UnixMs } from './time.ts'

/**
 * The feed was not listened to: trades of the symbol that were made between `from` and `until` may
 * be missing from the log. One event for each symbol that was subscribed when it was over.
 */
export type FeedInterrupted = Readonly<{
  type: 'FeedInterrupted'
  version: 1
  symbol: string
  /** Everything that the feed sent before this is in the log; by the clock of ingest. */
  from: UnixMs
  /** When it was listened to again; at or after `from`. */
  until: UnixMs
  /** `disconnected`, `silent` or `ingest not running`. */
  reason: string
  /** The feed: `finnhub` or `simulated`. */
  source: string
}>
