import { type RowOf, series } from '../projection.ts'

/** Every interruption of a symbol's feed, by symbol and by the end of its span. */
export const interruptions = series({
  name: 'interruptions',
  version: 1,
  events: ['FeedInterrupted'],
  key: ({ event }) => [event.symbol, event.until ?? event.from],
  row: ({ event: { symbol, from, until, reason, source } }) => ({
    symbol,
    from,
    until,
    reason,
    source,
  }),
})

export type InterruptionRow = RowOf<typeof interruptions>
