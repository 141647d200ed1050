import { vwap } from '../../projections/read-models/vwap.ts'
import { plainRoute, type Route, symbolRoute } from '../http/route.ts'
import { list, object } from '../http/schema.ts'
import type { ReadModelReader } from '../read-models/reader.ts'
import { allRows, rowOf } from '../read-models/symbols.ts'
import { shownTick, tickSchema } from '../read-models/tick.ts'

export const vwapRoute = (reader: ReadModelReader): Route =>
  symbolRoute({
    path: '/api/v1/vwap',
    models: [vwap],
    summary: 'The rolling VWAP of the 50 latest trades of a symbol',
    parameters: [],
    answer: tickSchema,
    read: async ({ symbol, signal }) => shownTick(await rowOf(reader, vwap, symbol, signal)),
  })

export const everyVwapRoute = (reader: ReadModelReader): Route =>
  plainRoute({
    path: '/api/v1/vwap',
    models: [vwap],
    summary: 'The rolling VWAP of every symbol, in the order of their names',
    answer: object({ data: list(tickSchema) }),
    read: async ({ signal }) => ({ data: (await allRows(reader, vwap, signal)).map(shownTick) }),
  })
