import { encodeKey, keysUnder } from '../../read-model-store/key.ts'
import type { Row } from '../../read-model-store/read-model-store.ts'
import { encodeCursor, parseBefore } from '../http/cursor.ts'
import type { SymbolRequest } from '../http/route.ts'
import { refuseUnknownSymbol } from '../routes/symbols.ts'
import type { ReadModelReader } from './reader.ts'

/**
 * A page of a series whose key is symbol, time, partition and offset: newest first, with the cursor of the
 * page that follows. Rejects with `SYMBOL_NOT_FOUND` where the symbol has no row and no trade either.
 */
export async function symbolPage(
  reader: ReadModelReader,
  model: string,
  { symbol, limit, before, signal }: SymbolRequest<'limit' | 'before'>,
  shown: (row: Row) => object,
) {
  const { from, to } = rangeOf(symbol, before)
  // One row more than is shown tells whether another page follows.
  const rows = await reader(model, signal, (generation) =>
    generation.page({ from, to, limit: limit + 1, reverse: true, signal }),
  )
  if (rows.length === 0) await refuseUnknownSymbol(reader, symbol, signal)
  const page = rows.slice(0, limit)
  const last = rows.length > limit ? page.at(-1) : undefined
  return {
    data: page.map(({ value }) => shown(value)),
    pagination: { next_cursor: last === undefined ? null : encodeCursor(last.key) },
  }
}

function rangeOf(symbol: string, before: string | undefined) {
  const { from, to } = keysUnder([symbol])
  if (before === undefined) return { from, to }
  const numbers = parseBefore(before, { texts: [symbol], count: 3 })
  return { from, to: encodeKey([symbol, ...numbers]) }
}
