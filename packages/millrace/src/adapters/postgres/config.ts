import { type Duration, milliseconds } from '../../core/duration.ts'
import { type Logger, silentLogger } from '../../core/logger.ts'

/** Options of {@link createPostgresDatabase}. */
export interface PostgresOptions {
  /** `postgres://user:password@host:port/database` */
  readonly url: string
  /** The same database past a transaction pooler, for LISTEN and session locks. @default `url` */
  readonly directUrl?: string
  /** Connections of user code: HTTP and running chunks. Besides, a process takes at most four of its own. @default 10 */
  readonly poolSize?: number
  /** How long a call may wait for a connection. @default '10s' */
  readonly acquireTimeout?: Duration
  /** After how long the server ends a transaction whose process has stopped talking, so that its locks are free. @default '10s' */
  readonly idleInTransactionTimeout?: Duration
  /** Appears in pg_stat_activity. @default 'millrace' */
  readonly applicationName?: string
  readonly logger?: Logger
}

/** The options with defaults filled in, durations in milliseconds. */
export interface PostgresConfig {
  readonly url: string
  readonly directUrl: string
  readonly poolSize: number
  /** How many of the pool chunks may take at once: the rest is kept for HTTP. */
  readonly workerConnections: number
  readonly acquireTimeoutMs: number
  readonly idleInTransactionTimeoutMs: number
  /**
   * After how long without a sign of life the server ends the long-lived session, and frees its locks: a stopped process
   * (SIGSTOP) neither talks nor closes its connection. Likewise how long we wait for the server's.
   */
  readonly sessionLivenessMs: number
  readonly applicationName: string
  readonly logger: Logger
}

/** Fills in the defaults. */
export function postgresConfig(options: PostgresOptions): PostgresConfig {
  const poolSize = Math.max(2, options.poolSize ?? 10)
  return {
    url: options.url,
    directUrl: options.directUrl ?? options.url,
    poolSize,
    workerConnections: Math.max(1, poolSize - Math.max(1, Math.ceil(poolSize / 5))),
    acquireTimeoutMs: milliseconds(options.acquireTimeout ?? '10s'),
    idleInTransactionTimeoutMs: milliseconds(options.idleInTransactionTimeout ?? '10s'),
    sessionLivenessMs: 10_000,
    applicationName: options.applicationName ?? 'millrace',
    logger: options.logger ?? silentLogger,
  }
}
