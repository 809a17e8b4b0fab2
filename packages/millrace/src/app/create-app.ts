import type { CopyDeadLetter } from '../contracts/index.ts'
import type { Consumer } from '../core/consumer.ts'
import { Lifecycle, type Part } from '../core/lifecycle.ts'
import type { Millrace } from '../core/module.ts'
import { ConsumerRunner, Controls, inboxSlices } from '../delivery/index.ts'
import { DirectPublisher } from '../direct/index.ts'
import { type AdminSource, createHttpServer, type HttpServer } from '../http/index.ts'
import { migrate } from '../migrate/index.ts'
import { outboxSlices, writeOutbox } from '../outbox/index.ts'
import type { OutgoingRecord } from '../ports/broker.ts'
import type { UnitRunner } from '../unit/index.ts'
import { adminSource } from './admin.ts'
import { Brokers } from './brokers.ts'
import { collectConsumers, collectTopics } from './catalogue.ts'
import { deadLetterCopier, deadLetterTopics, refusedCopier } from './dead-letter-copies.ts'
import { deliveryMetrics } from './delivery-metrics.ts'
import { createEncoder, type Encoder } from './encoder.ts'
import { healthSource } from './health.ts'
import { SliceMaintenance } from './maintenance.ts'
import { migrationsOf } from './migrations.ts'
import { createMillrace } from './millrace.ts'
import { type AppConfig, type AppOptions, appConfig } from './options.ts'
import { Relays } from './relays.ts'
import { runUntilSignal } from './run.ts'
import { together } from './together.ts'
import { Topics } from './topics.ts'

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
  readonly consumers: readonly Consumer[]
  readonly runners: readonly ConsumerRunner[]
  readonly direct: DirectPublisher
  readonly brokers: Brokers
}

/** What {@link createApp} builds. */
export function buildApp(options: AppOptions): BuiltApp {
  const config = appConfig(options)
  const { database, modules, logger } = config
  const catalogue = collectTopics(modules, deadLetterTopics(config))
  const brokers = new Brokers(config.brokers, catalogue)
  const encode = createEncoder(config, catalogue)
  const copyDeadLetter = deadLetterCopier(config)
  const relays = new Relays(brokers.lanes, {
    database,
    copyRefused: refusedCopier(copyDeadLetter, brokers),
    logger: logger.child({ part: 'relay' }),
  })
  const direct = new DirectPublisher((topic) => brokers.ofName(topic))
  const units = unitRunner(config, { encode, brokers, relays })
  const millrace = createMillrace(config, { units, encode, direct })
  const consumers = collectConsumers(modules, millrace, catalogue)
  const topics = new Topics(catalogue, brokers, config.topicPartitions)
  const controls = new Controls(database, logger.child({ part: 'controls' }))
  const runners = consumers.map((consumer) =>
    consumerRunner(config, { consumer, topics, units, controls, copyDeadLetter }),
  )
  const working = config.roles.includes('worker') ? runners : []
  const admin = adminSource({ units, brokers, catalogue, consumers, controls, runners: working })
  const http = httpServer(config, millrace, { runners: working, admin })
  const parts = startOrder(config, { brokers, topics, relays, controls, runners, direct, http })
  const lifecycle = new Lifecycle(parts, (part, problem) => logger.error({ part }, `stopping: ${problem}`))
  const app: App = {
    millrace,
    get url() {
      return http.url
    },
    start: () => lifecycle.start(),
    stop: () => lifecycle.stop(),
    run: () => runUntilSignal(app, logger),
  }
  return { app, http, consumers, runners, direct, brokers }
}

interface UnitParts {
  readonly encode: Encoder
  readonly brokers: Brokers
  readonly relays: Relays
}

function unitRunner({ database, bind, logger }: AppConfig, { encode, brokers, relays }: UnitParts): UnitRunner {
  const laneOf = ({ topic }: OutgoingRecord) => brokers.ofName(topic).name
  return {
    database,
    bind,
    logger,
    faultOf: (error) => database.faultOf(error),
    encode: (event, cause) => encode(event, 'outbox', cause),
    write: (transaction, records) => {
      const laned = records.map((record) => ({ lane: laneOf(record), record }))
      writeOutbox(transaction, laned)
    },
    published: (records) => relays.wake(new Set(records.map(laneOf))),
  }
}

interface ConsumerParts {
  readonly consumer: Consumer
  readonly topics: Topics
  readonly units: UnitRunner
  readonly controls: Controls
  readonly copyDeadLetter: CopyDeadLetter
}

function consumerRunner(config: AppConfig, parts: ConsumerParts): ConsumerRunner {
  const { consumer, topics, units, controls, copyDeadLetter } = parts
  const { metrics, logger, consumeFrom } = config
  return new ConsumerRunner({
    consumer,
    from: consumer.from ?? consumeFrom,
    topics: () => topics.of(consumer),
    runner: units,
    controls,
    copyDeadLetter,
    metrics: deliveryMetrics(metrics, consumer.name, logger),
    logger,
  })
}

interface HttpParts {
  /** Those that run in this process. */
  readonly runners: readonly ConsumerRunner[]
  readonly admin: AdminSource
}

function httpServer(config: AppConfig, millrace: Millrace, { runners, admin }: HttpParts): HttpServer {
  const { name, modules, roles, routes, logger, metrics, database, progressTimeoutMs } = config
  return createHttpServer({
    title: name,
    version: '0.0.0',
    ...config.http,
    modules: roles.includes('api') ? modules : [],
    ...(routes && { appRoutes: routes }),
    millrace,
    logger,
    metrics,
    health: healthSource({ database, runners, progressTimeoutMs }),
    admin,
  })
}

interface AppParts {
  readonly brokers: Brokers
  readonly topics: Topics
  readonly relays: Relays
  readonly controls: Controls
  readonly runners: readonly ConsumerRunner[]
  readonly direct: DirectPublisher
  readonly http: HttpServer
}

/** The parts in the order they start; they stop in the reverse one. */
function startOrder(config: AppConfig, { brokers, topics, relays, controls, runners, direct, http }: AppParts): Part[] {
  const { services, database, modules, roles, logger } = config
  const migrations = migrationsOf(modules, config.brokers.postgres.migrations)
  return [
    ...services,
    { name: 'database', stop: () => database.stop() },
    { name: 'migrations', start: () => migrate(database, migrations, logger) },
    new SliceMaintenance(database, [outboxSlices(database), inboxSlices], logger),
    ...brokers.all.map((broker) => ({
      name: `broker ${broker.name}`,
      start: () => broker.start(),
      stop: () => broker.stop(),
    })),
    topics,
    // Handlers may publish directly: that ends after them.
    direct,
    ...(roles.includes('worker') ? [relays, controls, together('consumers', runners)] : []),
    http,
  ]
}
