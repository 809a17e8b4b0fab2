import type { TestProject } from 'vitest/node'
import { type RedisServer, redisUnavailable, startRedis } from './redis/index.ts'
import { skipProject } from './vitest-skip.ts'

let redis: RedisServer | undefined

/**
 * For `globalSetup` of the Vitest project that is on Redis: starts one for the whole run, unless `TEST_REDIS_URL` names one.
 * Where it cannot run, the project's tests are skipped.
 */
export async function setup(project: TestProject): Promise<void> {
  if (process.env['TEST_REDIS_URL']) return
  const reason = await redisUnavailable()
  if (reason !== undefined) return skipProject(project, 'Redis', reason)
  redis = await startRedis()
  process.env['TEST_REDIS_URL'] = redis.url
}

/** Ends what `setup` has started. */
export async function teardown(): Promise<void> {
  const started = redis
  redis = undefined
  if (!started) return
  delete process.env['TEST_REDIS_URL']
  await started.stop()
}
