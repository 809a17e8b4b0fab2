import { Base } from '@platformatic/kafka'
import { fail } from '../../core/errors.ts'
import { waitFor } from '../../core/wait.ts'
import { closeClient, onceOnly } from './client.ts'
import type { KafkaConfig } from './config.ts'
import { isMisconfigured, problemOf } from './errors.ts'

const longestWaitMs = 30_000

/**
 * Makes sure at start that the brokers can be reached, trying `connectAttempts` times, 2, 4, 8 … up to 30 seconds apart.
 * A wrong password, or a certificate that is not trusted, cannot pass by itself and ends it at once.
 *
 * @throws BROKER_CONNECT_FAILED; SHUTTING_DOWN when it is aborted
 */
export async function connect(config: KafkaConfig, aborted: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await reach(config, aborted)
    } catch (error) {
      if (aborted.aborted) throw fail('SHUTTING_DOWN', {})
      const problem = problemOf(error)
      if (attempt >= config.connectAttempts || isMisconfigured(error)) {
        const brokers = config.client.bootstrapBrokers.join(', ')
        throw fail('BROKER_CONNECT_FAILED', { brokers, attempts: attempt, problem }, { cause: error })
      }
      const waitMs = Math.min(1_000 * 2 ** attempt, longestWaitMs)
      config.logger.warn({ attempt, of: config.connectAttempts, waitMs, problem }, 'Kafka cannot be reached yet')
      await waitFor(waitMs, aborted)
    }
  }
}

/** Asks for the cluster once. */
async function reach(config: KafkaConfig, aborted: AbortSignal): Promise<void> {
  const client = new Base(onceOnly(config.client))
  const close = () => void closeClient(client)
  aborted.addEventListener('abort', close)
  try {
    if (aborted.aborted) throw fail('SHUTTING_DOWN', {})
    await client.metadata({ topics: [] })
  } finally {
    aborted.removeEventListener('abort', close)
    await closeClient(client)
  }
}
