import { type Readiness, startOperationsServer } from '../runtime/operations-server.ts'
import type { CommandContext } from './command.ts'

/** Serves the role's health where `operations_port` is set. */
export const serveOperations = async (
  { config, life, logger }: CommandContext,
  readiness: Readiness,
): Promise<void> => {
  if (config.operationsPort === 0) return
  const options = { host: config.apiHost, port: config.operationsPort, readiness }
  const { port } = life.own(await startOperationsServer(options))
  logger.info({ port }, 'health served')
}
