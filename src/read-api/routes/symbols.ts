import { TradelogError } from '../../domain/errors.ts'
import { encodeKey } from '../../read-model-store/key.ts'
import type { Row } from '../../read-model-store/read-model-store.ts'
import { plainRoute, type Route } from '../http/route.ts'
import { count, isoTime, list, object, text } from '../http/schema.ts'
import type { ReadModelReader } from '../read-models/reader.ts'
import { isoOf } from '../read-models/time.ts'

export const symbolsRoute = (reader: ReadModelReader): Route =>
  plainRoute({
    path: '/api/v1/symbols',
    models: ['symbols'],
    summary: 'Every symbol that has trades, in the order of their names',
    answer: object({
      available: list(
        object({
          symbol: text('As the feed names it'),
          trade_count: count('Trades recorded'),
          last_trade_at: isoTime('When its latest trade happened'),
        }),
      ),
    }),
    read: async ({ signal }) => ({
      available: (await allRows(reader, 'symbols', signal)).map(shown),
    }),
  })

/** Every row of a model that has one per symbol. */
export const allRows = (
  reader: ReadModelReader,
  model: string,
  signal: AbortSignal,
): Promise<Row[]> =>
  reader(model, signal, async (generation) => {
    const rows: Row[] = []
    for await (const chunk of generation.scan({ signal })) {
      for (const { value } of chunk) rows.push(value)
    }
    return rows
  })

/** An empty page is an answer only for a symbol that there is. */
export async function refuseUnknownSymbol(
  reader: ReadModelReader,
  symbol: string,
  signal: AbortSignal,
): Promise<void> {
  const [row] = await reader('symbols', signal, (generation) =>
    generation.read([encodeKey([symbol])], signal),
  )
  if (row === undefined) throw symbolNotFound(symbol)
}

export const symbolNotFound = (symbol: string): TradelogError =>
  new TradelogError('SYMBOL_NOT_FOUND', `no trades of ${symbol} are known`)

const shown = (row: Row) => ({
  symbol: row.symbol,
  trade_count: row.tradeCount,
  last_trade_at: isoOf(row.lastTradeAt),
})
