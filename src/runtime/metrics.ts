import {
  Counter,
  type CounterConfiguration,
  collectDefaultMetrics,
  Gauge,
  type GaugeConfiguration,
  Histogram,
  type HistogramConfiguration,
  Registry,
} from 'prom-client'

export type { Counter, Gauge, Histogram } from 'prom-client'

/**
 * The metrics of one process, for Prometheus to scrape. It knows no metric itself: each role
 * declares its own in its `metrics.ts`, and gets this passed in.
 */
export type Metrics = Readonly<{
  counter: <Label extends string>(of: Declared<CounterConfiguration<Label>>) => Counter<Label>
  gauge: <Label extends string>(of: Declared<GaugeConfiguration<Label>>) => Gauge<Label>
  histogram: <Label extends string>(of: Declared<HistogramConfiguration<Label>>) => Histogram<Label>
  /** Calls `update` before each scrape, for values that are read only then. It must not reject. */
  beforeScrape: (update: () => Promise<void> | void) => void
  /** The names of all declared metrics, those of the process included. */
  names: () => readonly string[]
  /** All values as of now, in Prometheus' text format. */
  text: () => Promise<string>
  contentType: string
}>

type Declared<Configuration> = Omit<Configuration, 'registers'>

/** With the metrics of the process itself: memory, CPU, event loop, garbage collection. */
export function createProcessMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  return metricsOf(registry)
}

/** Without the metrics of the process. */
export const createMetrics = (): Metrics => metricsOf(new Registry())

function metricsOf(registry: Registry): Metrics {
  const registers = [registry]
  const updates: (() => Promise<void> | void)[] = []
  return {
    counter: (declared) => new Counter({ ...declared, registers }),
    gauge: (declared) => new Gauge({ ...declared, registers }),
    histogram: (declared) => new Histogram({ ...declared, registers }),
    names: () => registry.getMetricsAsArray().map(({ name }) => name),
    beforeScrape: (update) => void updates.push(update),
    text: async () => {
      await Promise.all(updates.map((update) => update()))
      return registry.metrics()
    },
    contentType: registry.contentType,
  }
}
