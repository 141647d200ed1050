import { declareIngestMetrics } from '../../src/ingest/metrics.ts'
import { declareProjectionMetrics } from '../../src/projections/report/metrics.ts'
import { declareApiMetrics } from '../../src/read-api/status/metrics.ts'
import { createMetrics, createProcessMetrics } from '../../src/runtime/metrics.ts'

function declared() {
  const metrics = createMetrics()
  for (const declare of [declareIngestMetrics, declareProjectionMetrics, declareApiMetrics]) {
    declare(metrics)
  }
  return metrics
}

/** The names of all metrics that the roles declare. */
export const declaredMetrics = (): readonly string[] => declared().names()

/** Their types, as Prometheus gets them. */
export async function declaredTypes(): Promise<ReadonlyMap<string, string>> {
  const lines = (await declared().text()).matchAll(/^# TYPE (\S+) (\S+)$/gm)
  return new Map(Array.from(lines, ([, name = '', type = '']) => [name, type]))
}

/** The names that every process has, whatever its role. */
export const processMetrics = (): readonly string[] => createProcessMetrics().names()
