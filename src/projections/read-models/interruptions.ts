import { type RowOf, series } from '../projection.ts'

/**
 * Every interruption of a symbol's feed, by symbol and by the beginning of its span. One that is
 * recorded while it goes on has no end; the row that follows it has.
 */
export const interruptions = series({
  name: 'interruptions',
  version: 2,
  events: ['FeedInterrupted'],
  key: ({ event }) => [event.symbol, event.from],
  row: ({ event: { symbol, from, until, reason, source } }) => ({
    symbol,
    from,
    until,
    reason,
    source,
  }),
})

export type InterruptionRow = RowOf<typeof interruptions>
