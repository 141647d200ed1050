import type { Metrics } from '../runtime/metrics.ts'
import { startOperationsServer } from '../runtime/operations-server.ts'
import { allReady, type Readiness } from '../runtime/readiness.ts'
import type { CommandContext } from './command.ts'

/** Serves the health and the metrics of a process where `operations_port` is set. */
export const serveOperations = async (
  { config, life, logger }: CommandContext,
  metrics: Metrics,
  ...roles: readonly Readiness[]
): Promise<void> => {
  if (config.operationsPort === 0) return
  const { apiHost: host, operationsPort: port } = config
  const readiness = allReady(roles)
  life.own(await startOperationsServer({ host, port, readiness, metrics }))
  logger.info({ port }, 'health and metrics served')
}
