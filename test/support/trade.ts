import type { FeedInterrupted } from '../../src/domain/feed-interrupted.ts'
import type { RecordedTrade } from '../../src/domain/recorded-event.ts'
import type { TradeExecuted } from '../../src/domain/trade-executed.ts'

export const trade = (fields: Partial<TradeExecuted> = {}): TradeExecuted => ({
  type: 'TradeExecuted',
  version: 1,
  symbol: 'AAPL',
  price: '100',
  volume: '1',
  executedAt: 1_763_645_583_544,
  conditions: [],
  source: 'simulated',
  ...fields,
})

export const interruption = (fields: Partial<FeedInterrupted> = {}): FeedInterrupted => ({
  type: 'FeedInterrupted',
  version: 2,
  symbol: 'AAPL',
  from: 1_763_645_583_544,
  until: 1_763_645_643_544,
  reason: 'disconnected',
  source: 'simulated',
  ...fields,
})

export const recorded = (event: TradeExecuted, offset = 0, partition = 0): RecordedTrade => ({
  partition,
  offset,
  recordedAt: event.executedAt,
  event,
})
