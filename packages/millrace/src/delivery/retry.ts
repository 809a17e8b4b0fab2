import type { RetryPolicy } from '../core/consumer.ts'
import type { Logger } from '../core/logger.ts'
import type { FailedRecord } from './backlog.ts'

/** The longest wait a timer can take: 2^31 - 1 ms, about 25 days. */
const longestWaitMs = 2_147_483_647

/**
 * How long a failed record waits for its next attempt, in milliseconds; undefined when it is to be given up. A policy that
 * throws, or gives no number, neither loses the record nor stops the partition.
 */
export function nextAttemptIn(policy: Required<RetryPolicy>, failed: FailedRecord, logger: Logger): number | undefined {
  try {
    if (failed.attempts >= policy.attempts || policy.isFinal(failed.error)) return undefined
    const wait = policy.backoff(failed.attempts)
    if (wait >= 0) return Math.min(wait, longestWaitMs)
    logger.error({ wait }, 'the retry policy’s backoff gave no waiting time')
  } catch (error) {
    logger.error({ err: error }, 'the retry policy threw')
  }
  return 1_000
}
