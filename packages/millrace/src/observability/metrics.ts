import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { within } from '../core/wait.ts'
import { type MetricDefinition, type MetricLabel, type MetricName, metricCatalogue } from './metric-catalogue.ts'
import { processMetrics } from './process-metrics.ts'

/** Before every name, so that dashboards find an app's series together. */
export const metricPrefix = 'millrace_'

/** How long a scrape waits for what is asked for it; Prometheus waits 10 s unless told otherwise. */
const collectMs = 500

/**
 * The metrics of one app. They are those of the catalogue: another name, or a label that a metric does not have, does
 * not compile.
 */
export interface Metrics {
  /** The app's own metrics, for what is not in the catalogue. */
  readonly registry: Registry
  counter<Name extends MetricName<'counter'>>(name: Name): Counter<MetricLabel<Name>>
  gauge<Name extends MetricName<'gauge'>>(name: Name): Gauge<MetricLabel<Name>>
  histogram<Name extends MetricName<'histogram'>>(name: Name): Histogram<MetricLabel<Name>>
  /** A counter of the app's own: `millrace_app_<name>_total`. Asked for again, it is the same one. */
  appCounter(name: string, help: string): Counter
  /** Is called before each scrape, to set what changes by itself. What has not resolved after 500 ms is not waited for. */
  onScrape(collect: () => void | Promise<void>): void
  /** The media type of {@link Metrics.render}. */
  readonly contentType: string
  /** Everything, the process's basics included, in the text format of Prometheus. */
  render(): Promise<string>
}

/** Makes the metrics of one app: a registry of its own, as several apps may live in one process. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  const made = new Map(Object.entries(metricCatalogue).map(([name, metric]) => [name, make(registry, name, metric)]))
  const collectors: (() => void | Promise<void>)[] = []
  const named = (name: string) => made.get(name) as never
  return {
    registry,
    contentType: registry.contentType,
    counter: named,
    gauge: named,
    histogram: named,
    appCounter: (name, help) => appCounter(registry, `${metricPrefix}app_${name}_total`, help),
    onScrape: (collect) => void collectors.push(collect),
    render: async () => {
      await within(collectMs, async () => {
        await Promise.allSettled(collectors.map(async (collect) => collect()))
      })
      return `${await registry.metrics()}\n${await processMetrics().metrics()}`
    },
  }
}

function make(registry: Registry, key: string, { type, help, labels, buckets }: MetricDefinition) {
  const options = { name: metricPrefix + key, help, labelNames: [...labels], registers: [registry] }
  if (type === 'counter') return new Counter(options)
  if (type === 'gauge') return new Gauge(options)
  return new Histogram({ ...options, ...(buckets && { buckets: [...buckets] }) })
}

function appCounter(registry: Registry, name: string, help: string): Counter {
  const found: unknown = registry.getSingleMetric(name)
  return found instanceof Counter ? found : new Counter({ name, help, registers: [registry] })
}
