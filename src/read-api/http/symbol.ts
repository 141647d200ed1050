import { isSymbol, symbolBytesMax } from '../../domain/symbol.ts'
import type { Fault } from './query.ts'
import type { Schema } from './schema.ts'

export const symbolSchema: Schema = {
  type: 'string',
  minLength: 1,
  maxLength: symbolBytesMax,
  description:
    `As the feed names it, percent-encoded; at most ${symbolBytesMax} bytes of UTF-8, without ` +
    'control characters',
}

/** Decodes a path's last segment. Returns undefined after adding a fault if it isn't a symbol. */
export function checkSymbol(segment: string, faults: Fault[]): string | undefined {
  const symbol = decoded(segment)
  if (symbol === undefined) return addFault(faults, 'must be percent-encoded UTF-8')
  if (isSymbol(symbol)) return symbol
  if (symbol === '' || Buffer.byteLength(symbol) > symbolBytesMax) {
    return addFault(faults, `must be 1 to ${symbolBytesMax} bytes long`)
  }
  return addFault(faults, 'must not have control characters')
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}

function addFault(faults: Fault[], message: string): undefined {
  faults.push({ code: 'INVALID_SYMBOL', part: 'symbol', message })
  return undefined
}
