import { vwap } from '../../projections/read-models/vwap.ts'
import { plainRoute, type Route, symbolRoute } from '../http/route.ts'
import { list, object } from '../http/schema.ts'
import type { ReadModelReader } from '../read-models/reader.ts'
import { readAllRows, readRow } from '../read-models/symbols.ts'
import { shownTick, tickSchema } from '../read-models/tick.ts'

export const vwapRoute = (reader: ReadModelReader): Route =>
  symbolRoute({
    path: '/api/v1/vwap',
    models: [vwap],
    summary: 'The rolling VWAP of the 50 latest trades of a symbol',
    parameters: [],
    answer: tickSchema,
    read: async ({ symbol, signal }) => shownTick(await readRow(reader, vwap, symbol, signal)),
  })

export const everyVwapRoute = (reader: ReadModelReader): Route =>
  plainRoute({
    path: '/api/v1/vwap',
    models: [vwap],
    summary: 'The rolling VWAP of the 50 latest trades of every symbol, by name',
    answer: object({ data: list(tickSchema) }),
    read: async ({ signal }) => ({
      data: (await readAllRows(reader, vwap, signal)).map(shownTick),
    }),
  })
