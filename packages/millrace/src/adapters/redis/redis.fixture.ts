import { type RedisServer, startRedis } from '@millrace/tools/redis'
import { TcpProxy } from '@millrace/tools/tcp-proxy'
import type { BusUnderTest } from '../../conformance/index.ts'
import type { AppendedRecords, Bus } from '../../ports/bus.ts'
import type { Database } from '../../ports/database.ts'
import { createTestLog, type LogProcess, type TestLog } from '../postgres/log/log.fixture.ts'
import { createRedisBus, type RedisOptions } from './index.ts'

/** A process with a bus by Redis, and the way there. */
export interface BusProcess extends BusUnderTest {
  readonly log: LogProcess
  /** What leads to Redis, to be cut. */
  readonly proxy: TcpProxy
  /** Whether what it appends is handed to the bus at all; else it is as if it were lost on its way. */
  sends: (appended: AppendedRecords) => boolean
}

interface ProcessOptions {
  /** Its own connections to the log's database. */
  readonly database?: Database
}

/** A log in a database of its own, and a Redis. */
export class BusStage implements AsyncDisposable {
  readonly redis: RedisServer
  readonly log: TestLog
  readonly #end: () => Promise<void>

  private constructor(redis: RedisServer, log: TestLog, end: () => Promise<void>) {
    this.redis = redis
    this.log = log
    this.#end = end
  }

  static async create(): Promise<BusStage> {
    const redis = await startRedis()
    return new BusStage(redis, await createTestLog(), () => redis.stop())
  }

  /** Another log, on the Redis of one that is there. */
  static async createOn(redis: RedisServer): Promise<BusStage> {
    return new BusStage(redis, await createTestLog(), async () => {})
  }

  /** Another process. */
  async connect({ database, ...options }: Partial<RedisOptions> & ProcessOptions = {}): Promise<BusProcess> {
    const log = await this.log.connect(database && { database })
    const proxy = await TcpProxy.listen(this.redis.port)
    const bus = createRedisBus({ url: `redis://127.0.0.1:${proxy.port}`, ...options })
    await bus.start?.()
    return processOf(bus, log, proxy)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.log[Symbol.asyncDispose]()
    await this.#end()
  }
}

function processOf(bus: Bus, log: LogProcess, proxy: TcpProxy): BusProcess {
  const process: BusProcess = {
    ...{ bus, log, proxy, broker: log.broker },
    sends: () => true,
    carry: (topic) =>
      log.broker.onAppended(topic, (appended) => {
        if (process.sends(appended)) bus.send(appended)
      }),
    dispose: async () => {
      await bus.stop?.()
      await log.stop()
      await proxy[Symbol.asyncDispose]()
    },
  }
  return process
}
