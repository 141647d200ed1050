import type { ReadModel } from '../../projections/projection.ts'
import { encodeKey, type Key, keysUnder } from '../../read-model-store/key.ts'
import type { Row, StoredRow } from '../../read-model-store/read-model-store.ts'
import { pageOf, parseBefore } from '../http/cursor.ts'
import type { SymbolRequest } from '../http/route.ts'
import type { ReadModelReader } from './reader.ts'
import { refuseUnknownSymbol } from './symbols.ts'

type Options<R extends Row> = Readonly<{
  model: ReadModel<R>
  /** How many numbers follow the symbol in a key: partition and offset of a series are two. */
  numbers: number
  shown: (row: R) => object
}>

/**
 * Reads a page of a model whose keys are a symbol and numbers: the largest key first, which is the
 * newest row, with the cursor of the next page. Rejects with `SYMBOL_NOT_FOUND` if the symbol has
 * neither a row nor a trade.
 */
export async function symbolPage<R extends Row>(
  reader: ReadModelReader,
  { symbol, limit, before, signal }: SymbolRequest<'limit' | 'before'>,
  { model, numbers, shown }: Options<R>,
) {
  const under = keysUnder([symbol])
  const end = before && parseBefore(before, { texts: [symbol], count: numbers })
  const to = end ? encodeKey([symbol, ...end]) : under.to
  // One row more than is shown says whether another page follows.
  const range = { from: under.from, to, rowsMax: limit + 1 }
  const rows = await readNewestRows(reader, model, { symbol, ...range, signal })
  const { page, pagination } = pageOf(rows, limit, ({ key }) => key)
  return { data: page.map(({ value }) => shown(value)), pagination }
}

const chunkRowsMax = 2_000

type Range = Readonly<{ symbol: string; from: Key; to: Key; rowsMax: number; signal: AbortSignal }>

/**
 * Reads a symbol's rows with the largest keys, the largest first. It reads in chunks: a large page
 * must not block other requests or outlive its own. Rejects as `symbolPage` does.
 */
export async function readNewestRows<R extends Row>(
  reader: ReadModelReader,
  model: ReadModel<R>,
  { symbol, from, rowsMax, signal, ...range }: Range,
): Promise<readonly StoredRow<R>[]> {
  const found = await reader.read(model, signal, async (generation) => {
    const rows: StoredRow<R>[] = []
    for (let { to } = range; ; ) {
      const limit = Math.min(rowsMax - rows.length, chunkRowsMax)
      const chunk = await generation.page({ from, to, limit, reverse: true, signal })
      rows.push(...chunk)
      const last = chunk.at(-1)
      if (last === undefined || chunk.length < limit || rows.length === rowsMax) return rows
      to = last.key
    }
  })
  if (found.length === 0) await refuseUnknownSymbol(reader, symbol, signal)
  return found
}
