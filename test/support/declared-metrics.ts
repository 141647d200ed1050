import { declareIngestMetrics } from '../../src/ingest/metrics.ts'
import { declareProjectionMetrics } from '../../src/projections/metrics.ts'
import { declareApiMetrics } from '../../src/read-api/metrics.ts'
import { createMetrics, createProcessMetrics } from '../../src/runtime/metrics.ts'

/** The names of all that the roles declare. */
export const declaredMetrics = (): readonly string[] => {
  const metrics = createMetrics()
  for (const declare of [declareIngestMetrics, declareProjectionMetrics, declareApiMetrics]) {
    declare(metrics)
  }
  return metrics.names()
}

/** The names that every process has, whatever its role. */
export const processMetrics = (): readonly string[] => createProcessMetrics().names()
