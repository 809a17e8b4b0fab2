import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { processMetrics } from './process-metrics.ts'

/** Before every name, so that dashboards find an app's series together. */
const prefix = 'millrace_'

/** Seconds; from a millisecond to ten, which covers a query, a transaction and a slow client. */
const defaultBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** How a metric's values differ: the names of its labels. */
type LabelNames<Label extends string> = readonly Label[]

/** The metrics of one app. Names are given without the prefix `millrace_`; asking for one again gives the same one. */
export interface Metrics {
  /** The app's own metrics, for what a helper here does not offer. */
  readonly registry: Registry
  /** Only grows; by convention its name ends in `_total`. */
  counter<Label extends string = never>(name: string, help: string, labels?: LabelNames<Label>): Counter<Label>
  /** Goes up and down. */
  gauge<Label extends string = never>(name: string, help: string, labels?: LabelNames<Label>): Gauge<Label>
  /** Counts observations by size; in seconds, with a name ending in `_seconds`, unless `buckets` are given. */
  histogram<Label extends string = never>(
    name: string,
    help: string,
    labels?: LabelNames<Label>,
    buckets?: readonly number[],
  ): Histogram<Label>
  /** The media type of {@link Metrics.render}. */
  readonly contentType: string
  /** Everything, the process's basics included, in the text format of Prometheus. */
  render(): Promise<string>
}

/** Makes the metrics of one app: a registry of its own, as several apps may live in one process. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  return {
    registry,
    contentType: registry.contentType,
    counter: (name, help, labels = []) =>
      existing(registry, name, Counter) ?? new Counter({ name: prefix + name, help, labelNames: labels, registers }),
    gauge: (name, help, labels = []) =>
      existing(registry, name, Gauge) ?? new Gauge({ name: prefix + name, help, labelNames: labels, registers }),
    histogram: (name, help, labels = [], buckets = defaultBuckets) =>
      existing(registry, name, Histogram) ??
      new Histogram({ name: prefix + name, help, labelNames: labels, buckets: [...buckets], registers }),
    render: async () => `${await registry.metrics()}\n${await processMetrics().metrics()}`,
  }
}

function existing<Metric>(registry: Registry, name: string, kind: new (...options: never[]) => Metric) {
  const found: unknown = registry.getSingleMetric(prefix + name)
  return found instanceof kind ? found : undefined
}
