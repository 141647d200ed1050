import { type RowOf, series } from '../projection.ts'

/** Every span in which a symbol was not listened to, by symbol and by the end of the span. */
export const interruptions = series({
  name: 'interruptions',
  version: 1,
  events: ['FeedInterrupted'],
  key: ({ event }) => [event.symbol, event.until],
  row: ({ event: { symbol, from, until, reason, source } }) => ({
    symbol,
    from,
    until,
    reason,
    source,
  }),
})

export type InterruptionRow = RowOf<typeof interruptions>
