import type { Logger as PinoLogger } from 'pino'
import type { Clock } from '../core/clock.ts'
import type { Duration } from '../core/duration.ts'
import type { Part } from '../core/lifecycle.ts'
import type { Module, Routes } from '../core/module.ts'
import type { Bind } from '../core/unit.ts'
import type { HttpServerOptions } from '../http/index.ts'
import type { MigrationSet } from '../migrate/index.ts'
import type { Metrics } from '../observability/index.ts'
import type { TransactionalLog } from '../outbox/index.ts'
import type { Broker } from '../ports/broker.ts'
import type { Database } from '../ports/database.ts'

/** What a process does: `api` serves the modules' routes, `worker` runs consumers and the relay. */
export type Role = 'api' | 'worker'

/** The broker in the database: it takes records in a transaction, and has tables of its own. */
export interface InternalBroker extends Broker, TransactionalLog {
  readonly migrations: MigrationSet
}

/** Options of {@link createApp}. Adapters are made by the caller; the app starts and stops them. */
export interface AppOptions {
  /** Parts that start before all others and stop after them: what the adapters run on. */
  readonly services?: readonly Part[]
  /** First part of the CloudEvents source of its events: `/name/module`. */
  readonly name: string
  readonly modules: readonly Module[]
  readonly database: Database
  readonly brokers: { readonly postgres: InternalBroker }
  /** Makes the app's query builder. Default: plain SQL, `{ query }`. */
  readonly bind?: Bind
  readonly http: Pick<HttpServerOptions, 'host' | 'port'> & Partial<HttpServerOptions>
  /** Routes of the app itself, mounted at `/`. */
  readonly routes?: Routes
  /** @default ['api', 'worker'] */
  readonly roles?: readonly Role[]
  /** Partitions of topics that do not say. @default 4 */
  readonly topicPartitions?: number
  /** Largest record that may be published, in bytes. @default 1,000,000, which Kafka takes as it comes */
  readonly maxRecordBytes?: number
  /** After how long without progress a partition with records to handle is reported as stuck. @default '60s' */
  readonly progressTimeout?: Duration
  /** Default: JSON lines on standard output, from info. */
  readonly logger?: PinoLogger
  readonly metrics?: Metrics
  readonly clock?: Clock
}
