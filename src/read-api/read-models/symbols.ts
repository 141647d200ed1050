import { TradelogError } from '../../domain/errors.ts'
import type { ReadModel } from '../../projections/projection.ts'
import { symbols } from '../../projections/read-models/symbols.ts'
import { encodeKey } from '../../read-model-store/key.ts'
import type { Generation, Row, StoredRow } from '../../read-model-store/read-model-store.ts'
import type { ReadModelReader } from './reader.ts'

/** Reads every row of a model that has one per symbol. */
export const readAllRows = <R extends Row>(
  reader: ReadModelReader,
  model: ReadModel<R>,
  signal: AbortSignal,
): Promise<R[]> =>
  reader.read(model, signal, async (generation) =>
    (await readAllStoredRows(generation, signal)).map(({ value }) => value),
  )

export async function readAllStoredRows<R extends Row>(
  generation: Generation<R>,
  signal: AbortSignal,
): Promise<StoredRow<R>[]> {
  const rows: StoredRow<R>[] = []
  for await (const chunk of generation.scan({ signal })) rows.push(...chunk)
  return rows
}

/** Reads a symbol's row of a model that has one per symbol. */
export async function readRow<R extends Row>(
  reader: ReadModelReader,
  model: ReadModel<R>,
  symbol: string,
  signal: AbortSignal,
): Promise<R> {
  const [row] = await reader.read(model, signal, (generation) =>
    generation.read([encodeKey([symbol])], signal),
  )
  if (row === undefined) throw symbolNotFound(symbol)
  return row.value
}

/** Rejects with `SYMBOL_NOT_FOUND` unless the symbol has trades: only then may a page be empty. */
export async function refuseUnknownSymbol(
  reader: ReadModelReader,
  symbol: string,
  signal: AbortSignal,
): Promise<void> {
  await readRow(reader, symbols, symbol, signal)
}

const symbolNotFound = (symbol: string): TradelogError =>
  new TradelogError('SYMBOL_NOT_FOUND', `no trades of ${symbol} are known`)
