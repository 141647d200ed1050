import type { Projection } from '../projection.ts'
import { candles } from './candles.ts'
import { interruptions } from './interruptions.ts'
import { symbols } from './symbols.ts'
import { trades } from './trades.ts'
import { vwap } from './vwap.ts'

/** The registry: every read model, one line each. */
export const readModels: readonly Projection[] = [trades, symbols, candles, vwap, interruptions]
