import type { UnixMs } from '../../domain/time.ts'
import { series } from '../projection.ts'

export type InterruptionRow = Readonly<{
  symbol: string
  from: UnixMs
  until: UnixMs
  reason: string
  source: string
}>

/** Every span in which a symbol was not listened to, by symbol and by the end of the span. */
export const interruptions = series({
  name: 'interruptions',
  version: 1,
  events: ['FeedInterrupted'],
  key: ({ event }) => [event.symbol, event.until],
  row: ({ event: { symbol, from, until, reason, source } }): InterruptionRow => ({
    symbol,
    from,
    until,
    reason,
    source,
  }),
})
