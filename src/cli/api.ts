import { openReadModelStore } from '../compose.ts'
import { startReadApi } from '../read-api/server.ts'
import type { Command, CommandContext } from './command.ts'
import { serveOperations } from './operations.ts'

export const api: Command = {
  options: {},
  run: async (context) => {
    const readModelStore = await openReadModelStore(context)
    const { url } = await serveApi(context, readModelStore)
    await serveOperations(context, async () => [])
    context.print(`tradelog API: ${url}\n`)
    return 'until stopped'
  },
}

export const serveApi = async (
  { config, life, logger }: CommandContext,
  store: Awaited<ReturnType<typeof openReadModelStore>>,
) =>
  life.own(
    await startReadApi({
      store,
      host: config.apiHost,
      port: config.apiPort,
      requestTimeoutMs: config.timeouts.apiRequestMs,
      corsOrigin: config.corsOrigin === '' ? undefined : config.corsOrigin,
      logger,
    }),
  )
