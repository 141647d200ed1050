import type { DecimalText } from './decimal.ts'
import type { UnixMs } from './time.ts'

/** One trade, as the feed reported it: the fact everything else is computed from. */
export type TradeExecuted = Readonly<{
  type: 'TradeExecuted'
  version: 1
  symbol: string
  price: DecimalText
  /** Traded quantity in the instrument's own unit (shares, coins); never below zero. */
  volume: DecimalText
  /** When the trade happened, by the exchange's clock. */
  executedAt: UnixMs
  /** The feed's condition codes: stored, not interpreted. */
  conditions: readonly string[]
  /** `finnhub`, `simulated`, `file:<hash>:<row>` or `rejects:<feed>:<plan>:<row>`. */
  source: string
}>
