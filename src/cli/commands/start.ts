import { openEventStore, openReadModelStore, whenReachable } from '../../compose.ts'
import { readModels } from '../../projections/read-models/index.ts'
import { type Config, redactedConfig } from '../../runtime/config/config.ts'
import type { Command } from '../command.ts'
import { serveOperations } from '../operations.ts'
import { runApi } from './api.ts'
import { makeIngestDirectory, runIngest } from './ingest.ts'
import { runProject } from './project.ts'

export const start: Command = {
  options: {},
  run: async (context) => {
    const { config, print } = context
    await makeIngestDirectory(context)
    const { metrics, begin } = await serveOperations(context)
    const eventStore = await whenReachable(openEventStore, context)
    const readModelStore = await whenReachable(openReadModelStore, context)
    const projecting = runProject(context, metrics, readModels, eventStore, readModelStore)
    const api = await runApi(context, metrics, readModelStore)
    const feeding = await runIngest(context, metrics, {
      eventStore,
      openReadModelStore: async () => readModelStore,
      withoutFeed: async () => [],
    })
    begin(projecting.readiness, api.readiness, feeding.readiness)
    print(screen(config, api.url, feeding.symbols))
    return 'until stopped'
  },
}

/** What runs, where, and what to try next. */
function screen(config: Config, url: string, symbols: readonly string[]): string {
  const symbol = encodeURIComponent(symbols[0] ?? 'AAPL')
  return `
  tradelog is running

    feed         ${feedLine(config)}
    log          ${logLine(config)}
    read models  ${rowsLine(config)}
    API          ${url}

  Try, in another terminal:

    curl ${url}/api/v1/symbols
    curl '${url}/api/v1/trades/${symbol}?limit=3'
    curl '${url}/api/v1/candles/${symbol}?interval=1m&limit=3'
    npm run watch       prices, read models and replays on a terminal
    npm run replay      rebuild every read model while this one serves
    npm run verify      compare every row with an independent fold of the log
    kill -9 ${process.pid}${' '.repeat(Math.max(1, 12 - String(process.pid).length))}then npm start: nothing is lost, nothing counts twice

  All routes: ${url}/docs    Stop: Ctrl-C

`
}

function feedLine({ feed, simulated, file }: Config): string {
  if (feed.includes('simulated')) return `simulated, ${simulated.tradesPerSecond} trades a second`
  if (feed.includes('file')) return `${file.path}, at speed ${file.speed}`
  return feed.join(', ')
}

const logLine = ({ eventStore, dataDirectory, kafka, partitions }: Config): string =>
  eventStore === 'kafka'
    ? `Kafka topic ${kafka.topic} at ${kafka.brokerUrl.join(', ')}`
    : `embedded, in ${dataDirectory}, ${partitions} partitions`

function rowsLine(config: Config): string {
  const { url, databaseName } = redactedConfig(config).mongodb
  return config.readModelStore === 'mongodb'
    ? `MongoDB database ${databaseName} at ${url}`
    : `embedded, in ${config.dataDirectory}`
}
