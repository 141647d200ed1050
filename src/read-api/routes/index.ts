import type { UnixMs } from '../../domain/time.ts'
import type { ReadModelStore } from '../../read-model-store/read-model-store.ts'
import type { Readiness } from '../../runtime/readiness.ts'
import type { Route } from '../http/route.ts'
import type { ReadModelReader } from '../read-models/reader.ts'
import type { ReadReports } from '../read-models/reports.ts'
import { candlesRoute } from './candles.ts'
import { feedsRoute } from './feeds.ts'
import { healthRoute, readinessRoute } from './health.ts'
import { interruptionsRoute } from './interruptions.ts'
import { readModelsRoute } from './read-models.ts'
import { symbolsRoute } from './symbols.ts'
import { tradesRoute } from './trades.ts'
import { everyVwapRoute, vwapRoute } from './vwap.ts'

type Sources = Readonly<{
  reader: ReadModelReader
  readReports: ReadReports
  store: ReadModelStore
  expectsIngest: boolean
  now: () => UnixMs
  readiness: Readiness
}>

/** Every route that answers in the envelope, one line each. */
export const routes = ({
  reader,
  readReports,
  readiness,
  ...sources
}: Sources): readonly Route[] => [
  symbolsRoute(reader),
  tradesRoute(reader),
  candlesRoute(reader, readReports),
  interruptionsRoute(reader),
  vwapRoute(reader),
  everyVwapRoute(reader),
  readModelsRoute(sources.store, sources.now),
  feedsRoute(sources),
  readinessRoute(readiness),
  healthRoute(),
]
