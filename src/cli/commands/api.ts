import { openReadModelStore, whenReachable } from '../../compose.ts'
import { startReadApi } from '../../read-api/server.ts'
import type { ReadModelStore } from '../../read-model-store/read-model-store.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import type { Command, CommandContext } from '../command.ts'
import { serveOperations } from '../operations.ts'

export const api: Command = {
  options: {},
  run: async (context) => {
    const { metrics, begin } = await serveOperations(context)
    const readModelStore = await whenReachable(openReadModelStore, context)
    const { url, readiness } = await runApi(context, metrics, readModelStore)
    begin(readiness)
    context.print(`tradelog API: ${url}\n`)
    return 'until stopped'
  },
}

export const runApi = async (
  { config, life, logger }: CommandContext,
  metrics: Metrics,
  store: ReadModelStore,
) =>
  life.own(
    await startReadApi({
      store,
      expectsIngest: !config.feed.includes('none'),
      host: config.apiHost,
      port: config.apiPort,
      requestTimeoutMs: config.timeouts.apiRequestMs,
      limits: config.limits,
      corsOrigin: config.corsOrigin === '' ? undefined : config.corsOrigin,
      metrics,
      logger: logger.child({ component: 'api' }),
    }),
  )
