import { type Duration, milliseconds } from '../../../core/duration.ts'
import { fail } from '../../../core/errors.ts'
import { type Logger, silentLogger } from '../../../core/logger.ts'
import type { Database } from '../../../ports/database.ts'

/** Options of {@link createPostgresBroker}. */
export interface PostgresBrokerOptions {
  /** Where the log lies; its `log` migrations must have run. The broker uses it and does not stop it. */
  readonly database: Database
  readonly logger?: Logger
  /** After how long without a sign of life a process loses its partitions; at least three heartbeats. @default '10s' */
  readonly sessionTimeout?: Duration
  /** How often a process with group members shows that it lives. @default '1s' */
  readonly heartbeat?: Duration
  /** How long records are kept. They go a slice at a time, so some stay up to a slice longer. @default '7d' */
  readonly retention?: Duration
  /** Length of the log's slices, in whole seconds; a log must keep the length it began with. @default '1d' */
  readonly slice?: Duration
  /** How often readers look for other processes' records, should a notification be missed. @default '250ms' */
  readonly pollInterval?: Duration
}

/** The options with defaults filled in, durations in milliseconds. */
export interface LogConfig {
  readonly database: Database
  readonly logger: Logger
  /**
   * After how long others count this process as dead, and it does so itself: a heartbeat less than the time-out,
   * because the others look once a heartbeat.
   */
  readonly sessionMs: number
  /** How long a partition that is revoked may take to be given up. */
  readonly revokeMs: number
  readonly heartbeatMs: number
  readonly retentionMs: number
  readonly sliceMs: number
  readonly pollMs: number
}

/**
 * Fills in the defaults.
 *
 * @throws DURATION_INVALID, DEFINITION_INVALID when a session is shorter than three heartbeats
 */
export function logConfig(options: PostgresBrokerOptions): LogConfig {
  const timeoutMs = milliseconds(options.sessionTimeout ?? '10s')
  const heartbeatMs = milliseconds(options.heartbeat ?? '1s')
  if (heartbeatMs <= 0 || timeoutMs < 3 * heartbeatMs) {
    throw fail('DEFINITION_INVALID', {
      what: 'The postgres broker',
      problem: 'sessionTimeout must be at least three times heartbeat, and heartbeat above zero',
    })
  }
  return {
    database: options.database,
    logger: options.logger ?? silentLogger,
    sessionMs: timeoutMs - heartbeatMs,
    revokeMs: timeoutMs,
    heartbeatMs,
    retentionMs: milliseconds(options.retention ?? '7d'),
    sliceMs: wholeSeconds(options.slice ?? '1d'),
    pollMs: milliseconds(options.pollInterval ?? 250),
  }
}

/** The seconds are in the slices' names. */
function wholeSeconds(duration: Duration): number {
  const ms = milliseconds(duration)
  if (ms >= 1_000 && ms % 1_000 === 0) return ms
  throw fail('DEFINITION_INVALID', { what: 'The postgres broker', problem: 'slice must be whole seconds' })
}
