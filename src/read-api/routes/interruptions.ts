import { type InterruptionRow, interruptions } from '../../projections/read-models/interruptions.ts'
import { type Route, symbolRoute } from '../http/route.ts'
import { isoTime, list, nextCursor, object, text } from '../http/schema.ts'
import type { ReadModelReader } from '../read-models/reader.ts'
import { symbolPage } from '../read-models/symbol-page.ts'
import { isoOf } from '../read-models/time.ts'

export const interruptionsRoute = (reader: ReadModelReader): Route =>
  symbolRoute({
    path: '/api/v1/interruptions',
    models: [interruptions],
    summary:
      'The interruptions of the feed, in which trades of the symbol may be missing, by their ' +
      'ends, newest first',
    parameters: ['limit', 'before'],
    answer: object({
      data: list(
        object({
          from: isoTime('No trade before it is missing'),
          until: isoTime('When the feed was received again'),
          reason: text('`disconnected`, `silent` or `ingest not running`'),
          source: text('The feed it came from'),
        }),
      ),
      pagination: nextCursor,
    }),
    read: (request) => symbolPage(reader, request, { model: interruptions, numbers: 3, shown }),
  })

const shown = ({ from, until, reason, source }: InterruptionRow) => ({
  from: isoOf(from),
  until: isoOf(until),
  reason,
  source,
})
