import { openReadModelStore, whenReachable } from '../compose.ts'
import { startReadApi } from '../read-api/server.ts'
import type { ReadModelStore } from '../read-model-store/read-model-store.ts'
import type { Command, CommandContext } from './command.ts'
import { serveOperations } from './operations.ts'

export const api: Command = {
  options: {},
  run: async (context) => {
    const readModelStore = await whenReachable(openReadModelStore, context)
    const { url } = await runApi(context, readModelStore)
    await serveOperations(context, async () => [])
    context.print(`tradelog API: ${url}\n`)
    return 'until stopped'
  },
}

export const runApi = async ({ config, life, logger }: CommandContext, store: ReadModelStore) =>
  life.own(
    await startReadApi({
      store,
      host: config.apiHost,
      port: config.apiPort,
      requestTimeoutMs: config.timeouts.apiRequestMs,
      limits: config.limits,
      corsOrigin: config.corsOrigin === '' ? undefined : config.corsOrigin,
      logger: logger.child({ component: 'api' }),
    }),
  )
