import { encodeKey, keysUnder } from '../../read-model-store/key.ts'
import type { Row } from '../../read-model-store/read-model-store.ts'
import { encodeCursor, parseBefore } from '../cursor.ts'
import type { ReadModelReader } from '../reader.ts'
import { type Route, symbolRoute } from '../route.ts'
import { count, decimal, isoTime, list, nextCursor, object, text } from '../schema.ts'
import { isoOf } from '../time.ts'
import { refuseUnknownSymbol } from './symbols.ts'

export const tradesRoute = (reader: ReadModelReader): Route =>
  symbolRoute({
    path: '/api/v1/trades',
    models: ['trades'],
    summary: 'The trades of a symbol, newest first; walking the cursors gives each exactly once',
    parameters: ['limit', 'before'],
    answer: object({
      data: list(
        object({
          timestamp: isoTime('When it happened'),
          executed_at: count('The same, in Unix milliseconds'),
          price: decimal('Price'),
          volume: decimal('Traded quantity'),
          conditions: list(text('Condition code of the feed')),
          source: text('The feed it came from'),
        }),
      ),
      pagination: nextCursor,
    }),
    read: async ({ symbol, limit, before, signal }) => {
      const { from, to } = rangeOf(symbol, before)
      const rows = await reader('trades', signal, (generation) =>
        generation.page({ from, to, limit: limit + 1, reverse: true, signal }),
      )
      if (rows.length === 0) await refuseUnknownSymbol(reader, symbol, signal)
      const page = rows.slice(0, limit)
      const last = rows.length > limit ? page.at(-1) : undefined
      return {
        data: page.map(({ value }) => shown(value)),
        pagination: { next_cursor: last === undefined ? null : encodeCursor(last.key) },
      }
    },
  })

const rangeOf = (symbol: string, before: string | undefined) => {
  const { from, to } = keysUnder([symbol])
  if (before === undefined) return { from, to }
  const numbers = parseBefore(before, { texts: [symbol], count: 3 })
  return { from, to: encodeKey([symbol, ...numbers]) }
}

const shown = (row: Row) => ({
  timestamp: isoOf(row.executedAt),
  executed_at: row.executedAt,
  price: row.price,
  volume: row.volume,
  conditions: row.conditions,
  source: row.source,
})
