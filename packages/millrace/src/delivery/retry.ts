import type { RetryPolicy } from '../core/consumer.ts'
import { type ErrorCode, isMillraceError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { UnitRunner } from '../unit/index.ts'
import type { Verdict } from './parking.ts'

/** The longest time to the next attempt: a year. */
const longestWaitMs = 365 * 24 * 3_600_000

/** Errors of handlers that publish, which pass by themselves. */
const passing: ReadonlySet<ErrorCode> = new Set(['SHUTTING_DOWN', 'PUBLISH_QUEUE_FULL', 'BROKER_UNAVAILABLE'])

/** Whether it is the database's, the broker's or the process's doing, which no attempt at a record is counted for. */
export function isNobodysFault({ database }: UnitRunner, error: unknown): boolean {
  const fault = database.faultOf(error)
  if (fault === 'unavailable' || fault === 'conflict') return true
  const causes = error instanceof Error ? [error, error.cause] : [error]
  return causes.some((cause) => isMillraceError(cause) && passing.has(cause.code))
}

/**
 * Whether a record that has failed so often is tried again, and when. A policy that throws, or gives no number, neither
 * loses the record nor stops the consumer.
 */
export function judge(policy: Required<RetryPolicy>, error: unknown, attempts: number, logger: Logger): Verdict {
  return { error, attempts, waitMs: nextAttemptIn(policy, error, attempts, logger) }
}

function nextAttemptIn(
  policy: Required<RetryPolicy>,
  error: unknown,
  attempts: number,
  logger: Logger,
): number | undefined {
  try {
    if (attempts >= policy.attempts || policy.isFinal(error)) return undefined
    const wait = policy.backoff(attempts)
    if (wait >= 0) return Math.min(wait, longestWaitMs)
    logger.error({ wait }, 'the retry policy’s backoff gave no waiting time')
  } catch (thrown) {
    logger.error({ err: thrown }, 'the retry policy threw')
  }
  return 1_000
}
