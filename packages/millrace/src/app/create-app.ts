import { systemClock } from '../core/clock.ts'
import { milliseconds } from '../core/duration.ts'
import { Lifecycle, type Part } from '../core/lifecycle.ts'
import type { Millrace, Module } from '../core/module.ts'
import { type ConsumedTopic, ConsumerRunner, deliveryMigrations, inboxSlices } from '../delivery/index.ts'
import { DirectPublisher } from '../direct/index.ts'
import { createHttpServer, type HttpServer } from '../http/index.ts'
import { type MigrationSet, migrate } from '../migrate/index.ts'
import { createLogger, createMetrics } from '../observability/index.ts'
import { outboxMigrations, outboxSlices, Relay, writeOutbox } from '../outbox/index.ts'
import type { TopicDescription } from '../ports/broker.ts'
import { timeMigrations } from '../time/index.ts'
import type { UnitRunner } from '../unit/index.ts'
import { type Catalogue, collect } from './catalogue.ts'
import { deliveryMetrics } from './delivery-metrics.ts'
import { healthSource } from './health.ts'
import { SliceMaintenance } from './maintenance.ts'
import { createEncoder, createMillrace } from './millrace.ts'
import type { AppOptions } from './options.ts'
import { runUntilSignal } from './run.ts'

/** A whole process: what its modules define, wired to its adapters. */
export interface App {
  readonly millrace: Millrace
  /** Where it listens, once started. */
  readonly url: string
  /** @throws START_FAILED, whose cause says what */
  start(): Promise<void>
  /** Stops in order, each part within its bound; see docs/architecture.md. */
  stop(): Promise<void>
  /** Starts, stops on SIGTERM or SIGINT, and resolves when it has stopped. A second signal ends the process at once. */
  run(): Promise<void>
}

/**
 * Wires an app; nothing is connected before {@link App.start}.
 *
 * @throws DEFINITION_INVALID
 */
export function createApp(options: AppOptions): App {
  return buildApp(options).app
}

/** An app with the parts that tests look at. */
export interface BuiltApp {
  readonly app: App
  readonly http: HttpServer
  readonly runners: readonly ConsumerRunner[]
  readonly direct: DirectPublisher
  readonly catalogue: Catalogue
}

/** What {@link createApp} builds. */
export function buildApp(options: AppOptions): BuiltApp {
  const { database, modules, bind = (connection) => connection as never } = options
  const { logger = createLogger(), metrics = createMetrics(), clock = systemClock, roles = ['api', 'worker'] } = options
  const log = options.brokers.postgres
  const encode = createEncoder({
    app: options.name,
    catalogue: () => catalogue,
    clock,
    maxBytes: options.maxRecordBytes ?? 1_000_000,
  })
  const relay = new Relay({ database, log, logger: logger.child({ part: 'relay' }) })
  const direct = new DirectPublisher(log)
  const runner: UnitRunner = {
    database,
    bind,
    logger,
    faultOf: (error) => database.faultOf(error),
    encode: (event, cause) => encode(event, 'outbox', cause),
    write: (transaction, records) =>
      writeOutbox(
        transaction,
        records.map((record) => ({ lane: log.name, record })),
      ),
    published: () => relay.wake(),
  }
  const millrace = createMillrace({ database, bind, runner, encode, direct, metrics })
  const catalogue = collect(
    modules,
    modules.flatMap((module) => module.consumers(millrace)),
  )

  const descriptions = new Map<string, TopicDescription>()
  const runners = catalogue.consumers.map(
    (consumer) =>
      new ConsumerRunner({
        consumer,
        topics: () => consumer.topics.map((topic) => consumed(topic, log, descriptions)),
        runner,
        metrics: deliveryMetrics(metrics, consumer.name, logger),
        logger,
      }),
  )
  const http = createHttpServer({
    title: options.name,
    version: '0.0.0',
    ...options.http,
    modules: roles.includes('api') ? modules : [],
    ...(options.routes && { appRoutes: options.routes }),
    millrace,
    logger,
    metrics,
    health: healthSource({
      database,
      runners: roles.includes('worker') ? runners : [],
      progressTimeoutMs: milliseconds(options.progressTimeout ?? '60s'),
    }),
  })

  const topics: Part = {
    name: 'topics',
    start: async () => {
      const specs = [...catalogue.topics.values()].map(({ topic }) => ({
        name: topic.name,
        partitions: topic.partitions ?? options.topicPartitions ?? 4,
      }))
      for (const description of await log.ensureTopics(specs)) descriptions.set(description.name, description)
    },
  }
  // Started in this order, stopped in the reverse one.
  const lifecycle = new Lifecycle(
    [
      ...(options.services ?? []),
      { name: 'database', stop: () => database.stop() },
      { name: 'migrations', start: () => migrate(database, migrationsOf(modules, log.migrations), logger) },
      new SliceMaintenance(database, [outboxSlices(database), inboxSlices], logger),
      { name: 'broker', start: () => log.start(), stop: () => log.stop() },
      topics,
      ...(roles.includes('worker') ? [relay, ...runners] : []),
      direct,
      http,
    ],
    (part, problem) => logger.error({ part }, `stopping: ${problem}`),
  )
  const app: App = {
    millrace,
    get url() {
      return http.url
    },
    start: () => lifecycle.start(),
    stop: () => lifecycle.stop(),
    run: () => runUntilSignal(app, logger),
  }
  return { app, http, runners, direct, catalogue }
}

/** All migrations of an app: the framework's, then the modules'. */
export function migrationsOf(modules: readonly Module[], broker: MigrationSet): MigrationSet[] {
  const owned = modules.flatMap(({ name, migrations: folder }) => (folder ? [{ owner: name, folder }] : []))
  return [timeMigrations, broker, outboxMigrations, deliveryMigrations, ...owned]
}

function consumed(
  topic: ConsumedTopic['topic'],
  broker: ConsumedTopic['broker'],
  descriptions: ReadonlyMap<string, TopicDescription>,
): ConsumedTopic {
  const description = descriptions.get(topic.name)
  if (!description) throw new Error(`topic ${topic.name} has not been described`)
  return { topic, broker, description }
}
