import type { UnixMs } from './time.ts'

/**
 * The feed was not listened to: trades of the symbol that were made between `from` and `until` may
 * be missing from the log. One event for each symbol that was subscribed. An interruption that is
 * told while it goes on has no end yet; it lasts until the `until` of the symbol's next event with
 * one. Version 1 always had an end.
 */
export type FeedInterrupted = Readonly<{
  type: 'FeedInterrupted'
  version: 2
  symbol: string
  /**
   * Everything that the feed sent before this is in the log; by the clock of ingest. 0 if the
   * symbol was never listened to before.
   */
  from: UnixMs
  /** When it was listened to again; at or after `from`. Null while it isn't. */
  until: UnixMs | null
  /** Such as `disconnected`. */
  reason: string
  /** The feed: `finnhub` or `simulated`. */
  source: string
}>
