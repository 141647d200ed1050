import { candles } from './candles.ts'
import { interruptions } from './interruptions.ts'
import type { NaiveFold } from './naive-fold.ts'
import { symbols } from './symbols.ts'
import { trades } from './trades.ts'
import { vwap } from './vwap.ts'

/** The naive fold of each read model; a model without one can't be verified. */
export const naiveFolds: readonly NaiveFold[] = [trades, symbols, candles, vwap, interruptions]
