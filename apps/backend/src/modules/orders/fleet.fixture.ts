import { once } from 'node:events'
import { type KafkaCluster, startKafka } from '@millrace/tools/kafka'
import { createApp, createLogger, defineConsumer, defineModule, type Queryable } from 'millrace'
import { createKafkaBroker } from 'millrace/kafka'
import { createPostgresBroker, createPostgresDatabase } from 'millrace/postgres'
import { createTestDatabase, type TestDatabase } from 'millrace/testing'
import { expect } from 'vitest'
import { run } from '../../process.fixture.ts'
import { orderEvents } from './events.ts'
import type { Order } from './order.ts'

/** A process of the app. */
export interface Replica {
  /** Where it answers; resolves when it does. */
  readonly url: Promise<string>
  /** What it has logged. */
  readonly log: () => string
  /** Kills it as the system does when memory runs out. */
  kill(): Promise<void>
  /** Ends it as an orchestrator does; resolves with its exit code. */
  stop(): Promise<number | null>
}

/** An event of an order, as a consumer that begins with the first record gets it. */
export interface Seen {
  readonly type: string
  readonly data: Pick<Order, 'id' | 'version'> & Partial<Order>
}

type Environment = Record<string, string>

/** Processes of the app on one database, which is empty at first, and on a Kafka of their own where the run is on Kafka. */
export class Fleet implements AsyncDisposable {
  readonly #database: TestDatabase
  readonly #kafka: KafkaCluster | undefined
  readonly #environment: Environment
  readonly #connection: Queryable & { stop(): Promise<void> }

  private constructor(database: TestDatabase, kafka: KafkaCluster | undefined, environment: Environment) {
    this.#database = database
    this.#kafka = kafka
    this.#environment = { DATABASE_URL: database.url, PORT: '0', MODULES: 'orders', ...environment }
    if (kafka) this.#environment['KAFKA_BROKERS'] = kafka.bootstrap
    this.#connection = createPostgresDatabase({ url: database.url, poolSize: 2, applicationName: 'onlooker' })
  }

  /** @param environment of all its processes */
  static async create(environment: Environment = {}): Promise<Fleet> {
    const database = await createTestDatabase()
    const kafka = process.env['TEST_BROKER'] === 'kafka' ? await startKafka() : undefined
    return new Fleet(database, kafka, environment)
  }

  /** Starts a process, which ends with the test at the latest. */
  launch(environment: Environment = {}): Replica {
    const child = run({ ...this.#environment, ...environment })
    const ended = once(child, 'exit')
    const url = Promise.withResolvers<string>()
    let log = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        log += chunk
        const [found] = /http:\/\/[\d.:]+/.exec(log) ?? []
        if (found) url.resolve(found)
      })
    }
    void ended.then(([code]) => url.reject(new Error(`a process ended with ${code} before it answered:\n${log}`)))
    // It may be killed before anybody asks.
    url.promise.catch(() => {})
    const end = async (signal: NodeJS.Signals) => {
      child.kill(signal)
      const [code] = await ended
      return code as number | null
    }
    const kill = async () => void (await end('SIGKILL'))
    return { url: url.promise, log: () => log, stop: () => end('SIGTERM'), kill }
  }

  /** Looks into the database. */
  async query<Row>(text: string): Promise<Row[]> {
    return (await this.#connection.query<Row>(text)).rows
  }

  /**
   * All events of orders, those of an order in their order: what a new consumer gets up to the topic's end.
   *
   * @param least how many there are at least
   */
  async history(least: number): Promise<Seen[]> {
    const seen: Seen[] = []
    const audit = defineConsumer({
      name: 'audit',
      topic: orderEvents,
      from: 'earliest',
      batch: { handle: (events, unit) => unit.afterCommit(() => void seen.push(...events)) },
    })
    const app = this.#auditor(audit)
    await app.start()
    await expect.poll(() => seen.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(least)
    await expect.poll(() => behind(app.url), { timeout: 30_000 }).toBe(0)
    await app.stop()
    return seen
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.stop()
    await this.#database.drop()
    await this.#kafka?.stop()
  }

  #auditor(consumer: ReturnType<typeof defineConsumer>) {
    const database = createPostgresDatabase({ url: this.#database.url, poolSize: 4 })
    const logger = createLogger({ level: 'silent' })
    const brokers = this.#kafka && [this.#kafka.bootstrap]
    return createApp({
      name: 'audit',
      modules: [defineModule({ name: 'audit', topics: [orderEvents], consumers: [consumer] })],
      database,
      brokers: {
        postgres: createPostgresBroker({ database, logger }),
        ...(brokers && { kafka: createKafkaBroker({ brokers, logger }) }),
      },
      http: { host: '127.0.0.1', port: 0 },
      logger,
    })
  }
}

interface Progress {
  readonly consumers: readonly { readonly partitions: readonly { readonly position: number; readonly end: number }[] }[]
}

/** How many records an app's consumers are behind. */
async function behind(url: string): Promise<number> {
  const { consumers } = (await (await fetch(`${url}/health/progress`)).json()) as Progress
  const partitions = consumers.flatMap((consumer) => consumer.partitions)
  return partitions.reduce((sum, { position, end }) => sum + end - position, 0)
}
