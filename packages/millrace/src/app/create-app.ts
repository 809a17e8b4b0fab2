import type { CopyDeadLetter } from '../contracts/index.ts'
import type { AnyChannel } from '../core/channel.ts'
import type { Consumer } from '../core/consumer.ts'
import { fail } from '../core/errors.ts'
import { Lifecycle, type Part } from '../core/lifecycle.ts'
import type { Millrace } from '../core/module.ts'
import type { Schedule } from '../core/schedule.ts'
import { ConsumerRunner, Controls, inboxSlices, ReplayRunner } from '../delivery/index.ts'
import { DirectPublisher } from '../direct/index.ts'
import { type AdminSource, createHttpServer, type HttpServer } from '../http/index.ts'
import { encodePush, type LiveUpdates, liveTopic } from '../live/index.ts'
import { migrate } from '../migrate/index.ts'
import { outboxSlices, writeOutbox } from '../outbox/index.ts'
import type { OutgoingRecord } from '../ports/broker.ts'
import { Schedules, Timers, writeTimers } from '../time/index.ts'
import { Tracer } from '../tracing/index.ts'
import type { UnitRunner } from '../unit/index.ts'
import { adminSource } from './admin.ts'
import { Brokers } from './brokers.ts'
import { collectChannels, collectConsumers, collectSchedules, collectTopics, pausedBySetting } from './catalogue.ts'
import { deadLetterCopier, deadLetterTopics, refusedCopier } from './dead-letter-copies.ts'
import { deliveryMetrics } from './delivery-metrics.ts'
import { createEncoder, type Encoder } from './encoder.ts'
import { watchApp } from './gauges.ts'
import { healthSource } from './health.ts'
import { carryLive, createLive, liveOf } from './live.ts'
import { SliceMaintenance } from './maintenance.ts'
import { migrationsOf } from './migrations.ts'
import { createMillrace } from './millrace.ts'
import { type AppConfig, type AppOptions, appConfig, defaultVersion } from './options.ts'
import { directMetrics } from './publish-metrics.ts'
import { Relays } from './relays.ts'
import { runUntilSignal } from './run.ts'
import { scheduleMetrics, timerMetrics } from './time-metrics.ts'
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
  readonly schedules: readonly Schedule[]
  readonly runners: readonly ConsumerRunner[]
  readonly direct: DirectPublisher
  readonly brokers: Brokers
}

/** What {@link createApp} builds. */
export function buildApp(options: AppOptions): BuiltApp {
  const config = appConfig(options)
  const { database, modules, metrics, logger } = config
  const catalogue = collectTopics(modules, deadLetterTopics(config))
  const channels = collectChannels(modules)
  const brokers = new Brokers(config.brokers, catalogue)
  const tracer = new Tracer(config.tracing, (topic) => brokers.ofName(topic).name)
  const encode = createEncoder(config, catalogue, tracer)
  const copyDeadLetter = deadLetterCopier(config)
  const relays = new Relays(brokers.lanes, {
    ...{ database, metrics, tracer, logger: logger.child({ part: 'relay' }) },
    copyRefused: refusedCopier(copyDeadLetter, brokers),
  })
  const direct = new DirectPublisher((topic) => brokers.ofName(topic), directMetrics(metrics))
  const timers = createTimers(config, brokers, relays)
  const units = unitRunner(config, { encode, channels, brokers, relays, timers })
  const live = createLive(config, channels)
  carryLive(config, channels)
  const millrace = createMillrace(config, { units, encode, direct, live: liveOf(config, channels, live), tracer })
  const consumers = collectConsumers(modules, millrace, catalogue)
  const schedules = collectSchedules(modules, millrace)
  const scheduling = createSchedules(config, units, schedules)
  const topics = new Topics(catalogue, brokers, config.topicPartitions)
  const paused = pausedBySetting(consumers, config.pausedConsumers)
  const controls = new Controls(database, logger.child({ part: 'controls' }), paused)
  const delivering = { topics, units, controls, copyDeadLetter, tracer }
  const runners = consumers.map((consumer) => consumerRunner(config, { consumer, ...delivering }))
  const working = config.roles.includes('worker') ? runners : []
  const replays = replayRunner(config, { consumers, brokers, units, controls, copyDeadLetter, tracer })
  const admin = adminSource({ units, brokers, catalogue, consumers, schedules, controls, runners: working, replays })
  const http = httpServer(config, millrace, { runners: working, timers, admin, live, tracer })
  watchApp(config, { brokers, direct, runners: working })
  const running = { brokers, topics, relays, timers, scheduling, controls, runners, replays, direct, live, http }
  const parts = startOrder(config, running)
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
  return { app, http, consumers, schedules, runners, direct, brokers }
}

interface UnitParts {
  readonly encode: Encoder
  readonly channels: ReadonlyMap<string, AnyChannel>
  readonly brokers: Brokers
  readonly relays: Relays
  readonly timers: Timers
}

function unitRunner(
  { database, bind, logger }: AppConfig,
  { encode, channels, brokers, relays, timers }: UnitParts,
): UnitRunner {
  const laneOf = ({ topic }: OutgoingRecord) => brokers.ofName(topic).name
  return {
    database,
    bind,
    logger,
    faultOf: (error) => database.faultOf(error),
    encode: (event, cause) => encode(event, 'outbox', cause),
    encodePush: (channel, audience, message) => {
      if (channels.get(channel.name) !== channel) throw fail('CHANNEL_UNKNOWN', { channel: channel.name })
      return encodePush(channel, audience, message)
    },
    writeTimers: (transaction, changes) => {
      if (changes.length === 0) return () => {}
      const soonest = writeTimers(transaction, changes, laneOf)
      return () => void soonest.then((inMs) => inMs !== undefined && timers.wake(inMs))
    },
    write: (transaction, records) => {
      const laned = records.map((record) => ({
        lane: laneOf(record),
        record,
        stamped: record.topic === liveTopic.name,
      }))
      writeOutbox(transaction, laned)
    },
    published: (records) => relays.wake(new Set(records.map(laneOf))),
  }
}

function createTimers({ database, logger, metrics }: AppConfig, brokers: Brokers, relays: Relays): Timers {
  return new Timers({
    database,
    lanes: brokers.names,
    logger: logger.child({ part: 'timers' }),
    metrics: timerMetrics(metrics),
    fired: (lanes) => relays.wake(lanes),
  })
}

function createSchedules({ logger, metrics }: AppConfig, runner: UnitRunner, schedules: readonly Schedule[]) {
  return new Schedules({
    schedules,
    runner,
    metrics: (schedule) => scheduleMetrics(metrics, schedule),
    logger: logger.child({ part: 'schedules' }),
  })
}

interface ConsumerParts {
  readonly consumer: Consumer
  readonly topics: Topics
  readonly units: UnitRunner
  readonly controls: Controls
  readonly copyDeadLetter: CopyDeadLetter
  readonly tracer: Tracer
}

function consumerRunner(config: AppConfig, parts: ConsumerParts): ConsumerRunner {
  const { consumer, topics, units, controls, copyDeadLetter, tracer } = parts
  const { metrics, logger, consumeFrom } = config
  return new ConsumerRunner({
    consumer,
    from: consumer.from ?? consumeFrom,
    topics: () => topics.of(consumer),
    runner: units,
    controls,
    copyDeadLetter,
    metrics: deliveryMetrics(metrics, consumer.name, logger),
    tracer,
    logger,
  })
}

interface ReplayParts {
  readonly consumers: readonly Consumer[]
  readonly brokers: Brokers
  readonly units: UnitRunner
  readonly controls: Controls
  readonly copyDeadLetter: CopyDeadLetter
  readonly tracer: Tracer
}

function replayRunner(
  { metrics, logger }: AppConfig,
  { consumers, brokers, units, controls, copyDeadLetter, tracer }: ReplayParts,
): ReplayRunner {
  return new ReplayRunner({
    consumers: consumers.map((consumer) => ({ consumer, brokerOf: (topic) => brokers.ofName(topic) })),
    runner: units,
    controls,
    metricsOf: (name) => deliveryMetrics(metrics, name, logger),
    copyDeadLetter,
    tracer,
    logger,
  })
}

interface HttpParts {
  /** Those that run in this process. */
  readonly runners: readonly ConsumerRunner[]
  readonly timers: Timers
  readonly admin: AdminSource
  readonly live: LiveUpdates | undefined
  readonly tracer: Tracer
}

function httpServer(
  config: AppConfig,
  millrace: Millrace,
  { runners, timers, admin, live, tracer }: HttpParts,
): HttpServer {
  const { name, modules, roles, routes, logger, metrics, database, bus, counter, progressTimeoutMs } = config
  return createHttpServer({
    title: name,
    version: defaultVersion,
    ...config.http,
    ...(roles.includes('api') ? { modules } : { modules: [], pages: [] }),
    ...(routes && { appRoutes: routes }),
    millrace,
    logger,
    metrics,
    tracer,
    health: healthSource({ database, bus, counter, runners, timers, progressTimeoutMs }),
    admin,
    ...(live && { live }),
    ...(counter && { counter }),
  })
}

interface AppParts {
  readonly brokers: Brokers
  readonly topics: Topics
  readonly relays: Relays
  readonly timers: Timers
  readonly scheduling: Schedules
  readonly controls: Controls
  readonly runners: readonly ConsumerRunner[]
  readonly replays: ReplayRunner
  readonly direct: DirectPublisher
  readonly live: LiveUpdates | undefined
  readonly http: HttpServer
}

/** The parts in the order they start; they stop in the reverse one. */
function startOrder(config: AppConfig, parts: AppParts): Part[] {
  const { brokers, topics, relays, timers, scheduling, controls, runners, replays, direct, live, http } = parts
  const { services, tracing, database, bus, counter, modules, roles, logger } = config
  const migrations = migrationsOf(modules, config.brokers.postgres.migrations)
  return [
    ...services,
    // What the others do while they stop has spans as well.
    ...(tracing ? [{ name: 'tracing', stop: () => tracing.stop() }] : []),
    { name: 'database', stop: () => database.stop() },
    { name: 'migrations', start: () => migrate(database, migrations, logger) },
    new SliceMaintenance(database, [outboxSlices(database), inboxSlices], logger),
    ...brokers.all.map((broker) => ({
      name: `broker ${broker.name}`,
      start: () => broker.start(),
      stop: () => broker.stop(),
    })),
    // What relays hand on, it sends.
    ...(bus ? [bus] : []),
    topics,
    // Handlers may publish directly: that ends after them.
    direct,
    ...(roles.includes('worker')
      ? [relays, timers, scheduling, controls, together('consumers', [...runners, replays])]
      : []),
    // Its clients leave with HTTP.
    ...(live ? [live] : []),
    ...(counter ? [counter] : []),
    http,
  ]
}
