import type { Logger as PinoLogger } from 'pino'
import { type Clock, systemClock } from '../core/clock.ts'
import { type Duration, milliseconds } from '../core/duration.ts'
import type { Part } from '../core/lifecycle.ts'
import type { Module, Routes } from '../core/module.ts'
import type { Bind, Queryable } from '../core/unit.ts'
import type { HttpServerOptions } from '../http/index.ts'
import type { LiveLimits } from '../live/index.ts'
import type { MigrationSet } from '../migrate/index.ts'
import { createLogger, createMetrics, type Metrics } from '../observability/index.ts'
import type { TransactionalLog } from '../outbox/index.ts'
import type { Broker } from '../ports/broker.ts'
import type { AppendedRecords, Bus } from '../ports/bus.ts'
import type { SharedCounter } from '../ports/counter.ts'
import type { Database } from '../ports/database.ts'
import type { Tracing } from '../ports/tracing.ts'

/** What a process does: `api` serves the modules' routes, `worker` runs consumers and the relay. */
export type Role = 'api' | 'worker'

/** The broker in the database: it takes records in a transaction, and has tables of its own. */
export interface InternalBroker extends Broker, TransactionalLog {
  readonly migrations: MigrationSet
  /** Has a function told of what this process appends to a topic, once it is committed. One for each topic. */
  onAppended(topic: string, listener: (appended: AppendedRecords) => void): void
}

/** Where and how the app listens; the rest of the server's options come from the app. Title default: the app's name. */
export type HttpOptions = Partial<Pick<HttpServerOptions, 'title' | 'version'>> &
  Omit<
    HttpServerOptions,
    | 'title'
    | 'version'
    | 'modules'
    | 'millrace'
    | 'appRoutes'
    | 'logger'
    | 'metrics'
    | 'tracer'
    | 'health'
    | 'admin'
    | 'live'
    | 'counter'
  >

/** Of an app that does not say. */
export const defaultVersion = '0.0.0'

/** Options of {@link createApp}. Adapters are made by the caller; the app starts and stops them. */
export interface AppOptions {
  /** Parts that start before all others and stop after them: what the adapters run on. */
  readonly services?: readonly Part[]
  /** First part of the CloudEvents source of its events: `/name/module`. */
  readonly name: string
  readonly modules: readonly Module[]
  readonly database: Database
  /** Where topics live: on Kafka where it is given, but for those that ask for postgres. */
  readonly brokers: { readonly postgres: InternalBroker; readonly kafka?: Broker }
  /** Makes the app's query builder. Default: plain SQL, `{ query }`. */
  readonly bind?: Bind
  readonly http: HttpOptions
  /** Routes of the app itself, mounted at `/`. */
  readonly routes?: Routes
  /** @default ['api', 'worker'] */
  readonly roles?: readonly Role[]
  /** Partitions of topics that do not say. @default 4 */
  readonly topicPartitions?: number
  /** Where consumers begin that have no position and do not say. @default 'earliest' */
  readonly consumeFrom?: 'earliest' | 'latest'
  /** Consumers that this process holds paused, whatever operators say. @default none */
  readonly pausedConsumers?: readonly string[]
  /** Largest record that may be published, in bytes. @default 1,000,000, which Kafka takes as it comes */
  readonly maxRecordBytes?: number
  /**
   * Where a copy of each dead letter is published, besides: a topic of the app's own, on Kafka where the app is. See
   * docs/operations.md. Default: no copies.
   */
  readonly deadLetterTopic?: string
  /** After how long without progress a partition with records to handle is reported as stuck. @default '60s' */
  readonly progressTimeout?: Duration
  /** Brings live updates to the processes that serve them. Default: they read the log in PostgreSQL. */
  readonly bus?: Bus
  /** Counts requests for the limits of all processes together. Default: each counts for itself. */
  readonly counter?: SharedCounter
  /** Bounds of live connections. */
  readonly live?: Partial<LiveLimits>
  /** Default: JSON lines on standard output, from info. */
  readonly logger?: PinoLogger
  readonly metrics?: Metrics
  /** Where spans go; the app stops it. Default: none are made, and the context of traces is kept all the same. */
  readonly tracing?: Tracing
  readonly clock?: Clock
}

/** The options with defaults filled in. */
export type AppConfig = AppOptions &
  Required<
    Omit<AppOptions, 'routes' | 'tracing' | 'bus' | 'counter' | 'live' | 'deadLetterTopic' | 'progressTimeout'>
  > & {
    readonly progressTimeoutMs: number
  }

/** Fills in the defaults. */
export function appConfig(options: AppOptions): AppConfig {
  return {
    services: [],
    bind: plainSql,
    roles: ['api', 'worker'],
    topicPartitions: 4,
    consumeFrom: 'earliest',
    pausedConsumers: [],
    maxRecordBytes: 1_000_000,
    progressTimeoutMs: milliseconds(options.progressTimeout ?? '60s'),
    logger: createLogger(),
    metrics: createMetrics(),
    clock: systemClock,
    ...options,
  }
}

/** Without a query builder of the app's, a connection is its own. */
const plainSql: Bind = (connection: Queryable) => connection as never
