import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { createPostgresBroker, createPostgresDatabase } from '../adapters/postgres/index.ts'
import { logMigrations } from '../adapters/postgres/log/index.ts'
import { type BuiltApp, buildApp } from '../app/create-app.ts'
import type { App, AppOptions } from '../app/index.ts'
import { migrationsOf } from '../app/migrations.ts'
import { decodeRecord } from '../contracts/index.ts'
import type { Channel, LiveMessage } from '../core/channel.ts'
import type { ReceivedEvent } from '../core/event.ts'
import { silentLogger } from '../core/logger.ts'
import type { Millrace, Module } from '../core/module.ts'
import { decodeHeaders } from '../core/record-headers.ts'
import type { AnyTopic, EventConstructor, EventOf } from '../core/topic.ts'
import { decodeLive } from '../live/index.ts'
import { type MigrationSet, migrate } from '../migrate/index.ts'
import { createLogger } from '../observability/index.ts'
import type { OutgoingRecord } from '../ports/broker.ts'
import type { Database } from '../ports/database.ts'
import { createTestDatabase, type TestDatabase } from './database.ts'
import { createTestKafka, defaultKafkaBrokers, type TestKafkaOptions } from './kafka.ts'
import { createTestRedis, defaultRedisUrl } from './redis.ts'
import { settled } from './settled.ts'
import { TestClock } from './test-clock.ts'

/** Options of {@link testApp}: an app's, without what the test brings. */
export interface TestAppOptions extends Partial<Omit<AppOptions, 'modules' | 'database' | 'brokers' | 'clock'>> {
  readonly modules: readonly Module[]
  /** Another app's database, to run several on one. Default: a new one. */
  readonly databaseUrl?: string
  readonly poolSize?: number
  /** The Kafka that the app's topics live on. Default: what `TEST_BROKER` says; the empty list: none. */
  readonly kafkaBrokers?: readonly string[]
  /** How the app is on Kafka, where it is. */
  readonly kafkaOptions?: TestKafkaOptions
  /** The Redis that the app has besides. Default: what `TEST_BUS` says; the empty text: none. */
  readonly redisUrl?: string
}

/** Requests without a network. Bodies are sent as JSON. */
export interface TestHttp {
  get(path: string): Promise<LightMyRequestResponse>
  post(path: string, body?: unknown): Promise<LightMyRequestResponse>
  request(options: InjectOptions): Promise<LightMyRequestResponse>
}

/** A whole app on a real PostgreSQL, in a database of its own; ends with its block. */
export interface TestApp extends AsyncDisposable {
  readonly http: TestHttp
  readonly app: App
  readonly millrace: Millrace
  readonly database: Database
  readonly databaseUrl: string
  readonly url: string
  /** Runs with the machine's clock; `advance('10s')` moves it on. */
  readonly clock: TestClock
  /** Resolves when everything that was published, or is due, and all it caused, has been handled. */
  settled(): Promise<void>
  /** What has been published of one event type, in the order it was written: committed outbox events and direct ones. */
  published<T extends AnyTopic, Type extends string>(
    event: Pick<EventConstructor<T, Type, never>, 'topic' | 'type'>,
  ): Promise<EventOf<T, Type>[]>
  /** What has been pushed to an audience of a channel, in the order it was written, as a browser is given it. */
  pushed<Wire>(channel: Channel<string, LiveMessage, Wire>, audience: string): Promise<Wire[]>
  /** Appends a record as a foreign program would: any bytes, no CloudEvents headers unless given. */
  produce(record: Partial<OutgoingRecord> & { readonly topic: string }): Promise<void>
  /** Stops the app and drops its database. */
  stop(): Promise<void>
}

/**
 * Starts an app for a test.
 *
 * @example
 * await using t = await testApp({ modules: [todos], bind })
 * await t.http.post('/todos/', { content: 'tea' })
 * await t.settled()
 */
export async function testApp(options: TestAppOptions): Promise<TestApp> {
  const own = options.databaseUrl === undefined ? await createAppDatabase(options.modules) : undefined
  const databaseUrl = options.databaseUrl ?? own?.url ?? ''
  const database = createPostgresDatabase({ url: databaseUrl, poolSize: options.poolSize ?? 6 })
  const kafkaBrokers = options.kafkaBrokers ?? defaultKafkaBrokers() ?? []
  const redisUrl = options.redisUrl ?? defaultRedisUrl() ?? ''
  const clock = new TestClock(database)
  const built = buildApp({
    name: 'test',
    http: { host: '127.0.0.1', port: 0 },
    logger: createLogger({ level: 'silent' }),
    ...(redisUrl && createTestRedis(databaseUrl, redisUrl)),
    ...options,
    database,
    brokers: {
      postgres: createPostgresBroker({ database }),
      ...(kafkaBrokers.length > 0 && {
        kafka: createTestKafka(databaseUrl, { brokers: kafkaBrokers, ...options.kafkaOptions }),
      }),
    },
    clock,
  })
  await built.app.start()
  return toTestApp({ built, database, databaseUrl, clock, own })
}

interface TestParts {
  readonly built: BuiltApp
  readonly database: Database
  readonly databaseUrl: string
  readonly clock: TestClock
  readonly own: TestDatabase | undefined
}

function toTestApp({ built, database, databaseUrl, clock, own }: TestParts): TestApp {
  const direct = recordDirect(built)
  const topics = new Map(built.consumers.map((consumer) => [consumer.name, consumer.topics.map(({ name }) => name)]))
  const schedules = built.schedules.map(({ name }) => name)
  const stop = async () => {
    await built.app.stop()
    await own?.drop()
  }
  return {
    http: {
      get: (path) => built.http.inject({ method: 'GET', url: path }),
      post: (path, body) =>
        built.http.inject({ method: 'POST', url: path, ...(body !== undefined && { payload: body as object }) }),
      request: (request) => built.http.inject(request),
    },
    app: built.app,
    millrace: built.app.millrace,
    database,
    databaseUrl,
    url: built.app.url,
    clock,
    settled: () => settled({ database, brokers: built.brokers, runners: built.runners, topics, schedules }),
    published: async ({ topic, type }) => {
      const records = topic.publish === 'direct' ? direct : await readOutbox(database)
      const events = records.filter((record) => record.topic === topic.name).map((record) => asEvent(topic, record))
      return events.filter((event) => event.type === type) as never
    },
    pushed: async ({ name }, audience) => {
      const updates = (await readOutbox(database)).map((record) => decodeLive({ ...record, offset: 0, timestamp: 0 }))
      return updates
        .flatMap((record) => (record && 'update' in record ? record.update : []))
        .filter((update) => update.channel === name && update.audience === audience)
        .map(({ message }) => JSON.parse(message.toString()))
    },
    produce: async (record) => {
      const [result] = await built.brokers.ofName(record.topic).produce([{ ...emptyRecord, ...record }])
      if (result && 'error' in result) throw result.error
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

const emptyRecord = { key: null, value: null, headers: [] }

/** Remembers what is published directly: nothing in the database tells it from a foreign record. */
function recordDirect({ direct }: BuiltApp): OutgoingRecord[] {
  const records: OutgoingRecord[] = []
  const publish = direct.publish.bind(direct)
  direct.publish = (record) => {
    records.push(record)
    return publish(record)
  }
  return records
}

async function readOutbox(database: Database): Promise<OutgoingRecord[]> {
  const { rows } = await database.query<Omit<OutgoingRecord, 'headers'> & { headers: Buffer }>(
    'SELECT topic, key, value, headers FROM millrace.outbox ORDER BY seq',
  )
  return rows.map((row) => ({ ...row, headers: decodeHeaders(row.headers) }))
}

function asEvent(topic: AnyTopic, record: OutgoingRecord): ReceivedEvent {
  const decoded = decodeRecord(topic, 0, { ...record, offset: 0, timestamp: 0 })
  if (!decoded.event) throw decoded.problem
  return decoded.event
}

/** A database with the tables of these modules: a clone of a template, so that it takes milliseconds. */
export async function createAppDatabase(modules: readonly Module[]): Promise<TestDatabase> {
  const sets = migrationsOf(modules, logMigrations)
  return createTestDatabase({
    template: {
      name: `app_${await fingerprint(sets)}`,
      prepare: async (url) => {
        const database = createPostgresDatabase({ url })
        await migrate(database, sets, silentLogger)
        await database.stop()
      },
    },
  })
}

async function fingerprint(sets: readonly MigrationSet[]): Promise<string> {
  const hash = createHash('sha256')
  for (const { owner, folder } of sets) {
    for (const file of (await readdir(folder)).sort())
      hash
        .update(owner)
        .update(file)
        .update(await readFile(new URL(file, folder)))
  }
  return hash.digest('hex').slice(0, 16)
}
