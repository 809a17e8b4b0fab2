import { setTimeout as delay } from 'node:timers/promises'
import { startRedis } from '@millrace/tools/redis'
import type { TestAppOptions } from '../../src/testing/index.ts'
import { defaultRedisUrl } from '../../src/testing/redis.ts'
import type { ChildOptions } from './app.fixture.ts'

/** Something that is done to a run; resolves when it is mended. */
export type Trouble = () => Promise<void>

/** A way by which updates come to the processes that serve clients. */
export interface Fanout extends AsyncDisposable {
  readonly name: string
  /** For the app that pushes, and for those that serve. */
  readonly options: Pick<TestAppOptions & ChildOptions, 'redisUrl'>
  /** What is done to it while clients are served, one after the other. */
  readonly troubles: readonly Trouble[]
}

/** How long Redis is away. */
const awayMs = 1_000

/** Starts that of the run: Redis, where its tests are on it. */
export function startFanout(): Promise<Fanout> {
  return defaultRedisUrl() === undefined ? viaPostgres() : viaRedis()
}

/** By the log alone. */
export async function viaPostgres(): Promise<Fanout> {
  return { name: 'PostgreSQL', options: {}, troubles: [], [Symbol.asyncDispose]: async () => {} }
}

/** By a Redis of its own, which is killed now and then. */
async function viaRedis(): Promise<Fanout> {
  const redis = await startRedis()
  const kill = async () => {
    await redis.kill()
    await delay(awayMs)
    await redis.start()
  }
  return {
    name: 'Redis',
    options: { redisUrl: redis.url },
    troubles: [kill],
    [Symbol.asyncDispose]: () => redis.stop(),
  }
}
