import type { Projection } from '../projection.ts'
import { symbols } from './symbols.ts'
import { trades } from './trades.ts'

/** The registry: every read model, one line each. */
export const readModels: readonly Projection[] = [trades, symbols]
