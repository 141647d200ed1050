import { createProcessMetrics, type Metrics } from '../runtime/metrics.ts'
import { startOperationsServer } from '../runtime/operations-server.ts'
import { allReady, type Readiness, reasonOf } from '../runtime/readiness.ts'
import type { CommandContext } from './command.ts'

type Operations = Readonly<{
  metrics: Metrics
  /** From now on the process is ready when these are. */
  begin: (...roles: readonly Readiness[]) => void
}>

/** Serves health and metrics if `operations_port` is set, also before the stores have answered. */
export async function serveOperations({
  config,
  life,
  logger,
}: CommandContext): Promise<Operations> {
  const metrics = createProcessMetrics()
  const startedAt = Date.now()
  let roles: readonly Readiness[] = [
    async () => [reasonOf('stores', 'have not answered since the start', startedAt)],
  ]
  const begin: Operations['begin'] = (...begun) => {
    roles = begun
  }
  if (config.operationsPort !== 0) {
    const { apiHost: host, operationsPort: port } = config
    const readiness = () => allReady(roles)()
    life.own(await startOperationsServer({ host, port, readiness, metrics }))
    logger.info({ port }, 'health and metrics served')
  }
  return { metrics, begin }
}
