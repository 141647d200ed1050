import { encodeKey, keysUnder } from '../../read-model-store/key.ts'
import type { Row } from '../../read-model-store/read-model-store.ts'
import { encodeCursor, parseBefore } from '../cursor.ts'
import type { ReadModelReader } from '../reader.ts'
import { type Route, symbolRoute } from '../route.ts'
import { isoTime, list, nextCursor, object, text } from '../schema.ts'
import { isoOf } from '../time.ts'
import { refuseUnknownSymbol } from './symbols.ts'

export const interruptionsRoute = (reader: ReadModelReader): Route =>
  symbolRoute({
    path: '/api/v1/interruptions',
    models: ['interruptions'],
    summary:
      'The spans in which the feed was not listened to, so that trades of the symbol may be missing, ' +
      'by their ends, newest first',
    parameters: ['limit', 'before'],
    answer: object({
      data: list(
        object({
          from: isoTime('All trades before it are there'),
          until: isoTime('When the feed was listened to again'),
          reason: text('`disconnected`, `silent` or `ingest not running`'),
          source: text('The feed it came from'),
        }),
      ),
      pagination: nextCursor,
    }),
    read: async ({ symbol, limit, before, signal }) => {
      const { from, to } = rangeOf(symbol, before)
      const rows = await reader('interruptions', signal, (generation) =>
        generation.page({ from, to, limit: limit + 1, reverse: true, signal }),
      )
      // A symbol that is subscribed may have interruptions before its first trade.
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

const shown = ({ from, until, reason, source }: Row) => ({
  from: isoOf(from),
  until: isoOf(until),
  reason,
  source,
})
