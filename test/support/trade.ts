import type { RecordedEvent } from '../../src/domain/recorded-event.ts'
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

export const recorded = (
  event: TradeExecuted,
  offset = 0,
  partition = 0,
): RecordedEvent<TradeExecuted> => ({ partition, offset, recordedAt: event.executedAt, event })
