import type { TestProject } from 'vitest/node'
import { type RedisServer, redisUnavailable, startRedis } from './redis/index.ts'

/** Matches the name of no test. */
const nothing = /(?!)/

let redis: RedisServer | undefined

/**
 * For `globalSetup` of the Vitest project that is on Redis: starts one for the whole run, unless `TEST_REDIS_URL` names one.
 * Where it cannot run, the project's tests are skipped; in CI nothing is.
 */
export async function setup({ config }: TestProject): Promise<void> {
  if (process.env['TEST_REDIS_URL']) return
  const reason = await redisUnavailable()
  if (reason === undefined) {
    redis = await startRedis()
    process.env['TEST_REDIS_URL'] = redis.url
  } else if (process.env['CI']) throw new Error(`CI skips no test, and there is no Redis: ${reason}`)
  else {
    process.stderr.write(`Tests on Redis are skipped: ${reason}\n`)
    // Unlike a skip in each test, it spares the hooks of files, which need a Redis too.
    config.testNamePattern = nothing
  }
}

/** Ends what `setup` has started. */
export async function teardown(): Promise<void> {
  const started = redis
  redis = undefined
  if (!started) return
  delete process.env['TEST_REDIS_URL']
  await started.stop()
}
