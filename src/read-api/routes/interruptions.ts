import type { UnixMs } from '../../domain/time.ts'
import { type InterruptionRow, interruptions } from '../../projections/read-models/interruptions.ts'
import { encodeKey, type Key, keysUnder } from '../../read-model-store/key.ts'
import type { StoredRow } from '../../read-model-store/read-model-store.ts'
import { encodeCursor, pageOf, parseBefore } from '../http/cursor.ts'
import { type Route, symbolRoute } from '../http/route.ts'
import { isoTime, list, nextCursor, nullable, object, text } from '../http/schema.ts'
import type { ReadModelReader } from '../read-models/reader.ts'
import { readNewestRows } from '../read-models/symbol-page.ts'
import { isoOf } from '../read-models/time.ts'

export const interruptionsRoute = (reader: ReadModelReader): Route =>
  symbolRoute({
    path: '/api/v1/interruptions',
    models: [interruptions],
    summary:
      'The interruptions of the feed, in which trades of the symbol may be missing, by their ' +
      'beginnings, newest first',
    parameters: ['limit', 'before'],
    answer: object({
      data: list(
        object({
          from: isoTime('No trade before it is missing; the year 1970 if all before may be'),
          until: nullable(
            isoTime('When the feed was received again, or the next began; null while it goes on'),
          ),
          reason: text(
            'Such as `disconnected`, `silent`, `ingest not running`, `trades refused` or ' +
              '`not listened before`',
          ),
          source: text('The feed it came from'),
        }),
      ),
      pagination: nextCursor,
    }),
    read: async ({ symbol, limit, before, signal }) => {
      const under = keysUnder([symbol])
      const end = before && parseBefore(before, { texts: [symbol], count: 3 })
      const to = end ? encodeKey([symbol, ...end]) : under.to
      // Two rows for each that is shown, and for one more, which says whether another page follows.
      const range = { from: under.from, to, rowsMax: 2 * (limit + 1) }
      const rows = await readNewestRows(reader, interruptions, { symbol, ...range, signal })
      const next = { from: to, to: under.to, limit: 1, reverse: false, signal }
      const [newer] = await reader.read(interruptions, signal, (stored) => stored.page(next))
      const { page, pagination } = pageOf(spansOf(rows, newer), limit, ({ key }) => key)
      const last = rows.length === range.rowsMax ? rows.at(-1) : undefined
      return {
        data: page.map(shown),
        pagination: {
          next_cursor: pagination.next_cursor ?? (last ? encodeCursor(last.key) : null),
        },
      }
    },
  })

type Stored = StoredRow<InterruptionRow>
type InterruptionSpan = InterruptionRow & Readonly<{ key: Key }>

/**
 * The spans of rows, newest first. One that was recorded while it went on is followed by the row
 * that ends it. That row replaces it if it begins at the same time; otherwise it continues it.
 */
const spansOf = (rows: readonly Stored[], newer: Stored | undefined): InterruptionSpan[] =>
  rows.flatMap(({ key, value }, i) => {
    const { from, until } = value
    const next: UnixMs | undefined = (i === 0 ? newer : rows[i - 1])?.value.from
    if (until !== null || next === undefined) return [{ ...value, key }]
    return next === from ? [] : [{ ...value, key, until: next }]
  })

const shown = ({ from, until, reason, source }: InterruptionRow) => ({
  from: isoOf(from),
  until: isoOf(until),
  reason,
  source,
})
