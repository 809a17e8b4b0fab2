import type { Bus } from '../../ports/bus.ts'
import type { SharedCounter } from '../../ports/counter.ts'
import { RedisBus } from './bus.ts'
import { type RedisOptions, redisConfig } from './config.ts'
import { RedisCounter } from './counter.ts'

export type { RedisOptions, RedisTls } from './config.ts'

/**
 * A bus by Redis' publish and subscribe. While Redis is away, followers read the log, and it comes back by itself. Redis 6
 * or newer: one server, or what stands for one.
 *
 * @throws DEFINITION_INVALID, DURATION_INVALID
 */
export function createRedisBus(options: RedisOptions): Bus {
  return new RedisBus(redisConfig(options))
}

/**
 * Counts in Redis, each count for as long as its window lasts.
 *
 * @throws DEFINITION_INVALID
 */
export function createRedisCounter(options: RedisOptions): SharedCounter {
  return new RedisCounter(redisConfig(options))
}
