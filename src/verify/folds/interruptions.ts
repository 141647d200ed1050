import type { FeedInterrupted } from '../../domain/feed-interrupted.ts'
import type { NaiveSeries } from './naive-fold.ts'

export const interruptions: NaiveSeries<FeedInterrupted> = {
  kind: 'series',
  model: 'interruptions',
  version: 2,
  events: ['FeedInterrupted'],
  key: ({ event, partition, offset }) => [event.symbol, event.from, partition, offset],
  row: ({ event: { symbol, from, until, reason, source } }) => ({
    symbol,
    from,
    until,
    reason,
    source,
  }),
}
