import { createRedisBus, createRedisCounter } from '../adapters/redis/index.ts'
import type { Bus } from '../ports/bus.ts'
import type { SharedCounter } from '../ports/counter.ts'

/** Where the apps of the run have a Redis besides: the run's, in `TEST_REDIS_URL`, where `TEST_BUS` is `redis`. */
export function defaultRedisUrl(): string | undefined {
  return process.env['TEST_BUS'] === 'redis' ? process.env['TEST_REDIS_URL'] : undefined
}

/** What the apps on one database have of a Redis: names are theirs alone, so that the many tests that share it do not meet. */
export function createTestRedis(
  databaseUrl: string,
  url: string,
): { readonly bus: Bus; readonly counter: SharedCounter } {
  const options = { url, prefix: new URL(databaseUrl).pathname.slice(1) }
  return { bus: createRedisBus(options), counter: createRedisCounter(options) }
}
