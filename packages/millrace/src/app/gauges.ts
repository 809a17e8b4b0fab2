import type { ConsumerRunner, WorkerStatus } from '../delivery/index.ts'
import type { DirectPublisher } from '../direct/index.ts'
import type { Metrics } from '../observability/index.ts'
import type { Broker } from '../ports/broker.ts'
import type { Database } from '../ports/database.ts'
import type { Brokers } from './brokers.ts'
import { DatabaseFigures } from './database-figures.ts'
import { type AppConfig, defaultVersion } from './options.ts'

interface GaugeParts {
  readonly brokers: Brokers
  readonly direct: DirectPublisher
  /** Those that run in this process. */
  readonly runners: readonly ConsumerRunner[]
}

/** Has each scrape look at what this process knows, and ask the database for what only that does. */
export function watchApp(config: AppConfig, { brokers, direct, runners }: GaugeParts): void {
  const { name: app, http, database, metrics, logger } = config
  metrics.gauge('build_info').set({ app, version: http.version ?? defaultVersion, node: process.version }, 1)
  metrics.onScrape(() => {
    tellConsumers(metrics, runners)
    tellLag(metrics, runners)
    tellConnections(metrics, database)
    tellFaults(metrics, brokers.all)
    tellWaiting(metrics, direct)
    tellShared(metrics, config)
  })
  const lanes = brokers.lanes.map(({ name }) => name)
  const figures = new DatabaseFigures(metrics, database, lanes, logger.child({ part: 'metrics' }))
  metrics.onScrape(() => figures.tell())
}

/** What processes have besides the database, where they have it. */
function tellShared(metrics: Metrics, { bus, counter }: AppConfig): void {
  if (counter) metrics.gauge('counter_working').set(counter.state.problem === undefined ? 1 : 0)
  if (!bus?.state) return
  const { problem, taken, faults } = bus.state
  metrics.gauge('bus_working').set(problem === undefined ? 1 : 0)
  const records = metrics.counter('bus_records_total')
  const times = metrics.counter('bus_faults_total')
  records.reset()
  times.reset()
  for (const [from, count] of Object.entries(taken)) records.inc({ from }, count)
  for (const [fault, count] of Object.entries(faults)) times.inc({ fault }, count)
}

function tellWaiting(metrics: Metrics, { waiting }: DirectPublisher): void {
  metrics.gauge('direct_waiting_records').set(waiting.records)
  metrics.gauge('direct_waiting_bytes').set(waiting.bytes)
}

function tellConsumers(metrics: Metrics, runners: readonly ConsumerRunner[]): void {
  for (const { consumerName: consumer, isBreakerOpen, isPaused, parked, status } of runners) {
    metrics.gauge('breaker_open').set({ consumer }, isBreakerOpen ? 1 : 0)
    metrics.gauge('consumer_paused').set({ consumer }, isPaused ? 1 : 0)
    metrics.gauge('parked_records').set({ consumer }, parked)
    metrics.gauge('consumer_partitions').set({ consumer }, status.length)
  }
}

/** A partition that went to another process is that one's to tell of. */
function tellLag(metrics: Metrics, runners: readonly ConsumerRunner[]): void {
  const records = metrics.gauge('consumer_lag_records')
  const seconds = metrics.gauge('consumer_lag_seconds')
  records.reset()
  seconds.reset()
  for (const { consumerName: consumer, status } of runners) {
    for (const one of status) {
      const labels = { consumer, topic: one.topic, partition: one.partition }
      seconds.set(labels, lagSeconds(one))
      if (one.position !== undefined && one.end !== undefined) records.set(labels, Math.max(0, one.end - one.position))
    }
  }
}

function lagSeconds({ position, end, nextProducedAt, stillMs }: WorkerStatus): number {
  if (nextProducedAt !== undefined) return Math.max(0, Date.now() - nextProducedAt) / 1_000
  return position !== undefined && end !== undefined && position >= end ? 0 : stillMs / 1_000
}

function tellConnections(metrics: Metrics, { usage }: Database): void {
  for (const [share, { onLoan, waiting }] of Object.entries(usage)) {
    metrics.gauge('database_connections').set({ share }, onLoan)
    metrics.gauge('database_waiting').set({ share }, waiting)
  }
}

function tellFaults(metrics: Metrics, brokers: readonly Broker[]): void {
  const counter = metrics.counter('broker_faults_total')
  counter.reset()
  for (const { name, faults = {} } of brokers) {
    for (const [part, times] of Object.entries(faults)) counter.inc({ broker: name, part }, times)
  }
}
