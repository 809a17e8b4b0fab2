/**
 * An app in a process of its own. It prints one line of JSON when it has started, logs to its standard error, and ends
 * with its standard input at the latest.
 */
import pino from 'pino'
import { createPostgresBroker, createPostgresDatabase } from '../../src/adapters/postgres/index.ts'
import { runUntilSignal } from '../../src/app/run.ts'
import { createApp, createLogger, type Duration, type Role } from '../../src/index.ts'
import { authenticate, liveModules } from '../../src/live/channels.fixture.ts'
import { createTestKafka, type TestKafkaOptions } from '../../src/testing/kafka.ts'
import { createTestRedis } from '../../src/testing/redis.ts'
import type { LiveSabotageName } from './live-sabotage.ts'
import { type Pace, spine } from './spine.fixture.ts'
import { tallies } from './tallies.fixture.ts'
import { ticker } from './ticker.fixture.ts'

/** What the app is to be; its only argument, as JSON. */
export interface ChildOptions {
  readonly databaseUrl: string
  readonly pace?: Pace
  /** The mark whose handler ends the process. */
  readonly killer?: { readonly key: string; readonly n: number }
  readonly roles?: readonly Role[]
  /** Whether it has the ticker besides. */
  readonly hasTicker?: boolean
  /** Whether it serves live connections besides. */
  readonly isLive?: boolean
  /** What is broken in it on purpose. */
  readonly liveSabotage?: LiveSabotageName
  /** After how long without a sign of life its partitions are another's. @default '1500ms' */
  readonly sessionTimeout?: Duration
  /** The Kafka that its topics live on. Default: what `TEST_BROKER` says; the empty list: none. */
  readonly kafkaBrokers?: readonly string[]
  /** How it is on Kafka, where it is. */
  readonly kafkaOptions?: Omit<TestKafkaOptions, 'logger'>
  /** The Redis that it has besides. Default: none. */
  readonly redisUrl?: string | undefined
}

const options = JSON.parse(process.argv[2] ?? '') as ChildOptions
const {
  databaseUrl,
  pace,
  killer,
  roles,
  hasTicker,
  isLive,
  sessionTimeout = '1500ms',
  kafkaBrokers = [],
  kafkaOptions,
  redisUrl,
} = options

process.stdin.once('end', () => process.exit(3)).resume()
// The pipe is no reason to stay when all else has ended.
if ('unref' in process.stdin) (process.stdin.unref as () => void)()

const logger = createLogger({ destination: pino.destination({ fd: 2, sync: true }) })
const database = createPostgresDatabase({
  url: databaseUrl,
  poolSize: 10,
  applicationName: `spine ${process.pid}`,
  logger,
})
const kafka = () =>
  createTestKafka(databaseUrl, {
    brokers: kafkaBrokers,
    // By it a proxy tells this process's connections from others'.
    clientId: `spine ${process.pid}`,
    sessionTimeout,
    logger,
    ...kafkaOptions,
  })
const app = createApp({
  name: 'faults',
  modules: [
    spine(pace, undefined, endAt(killer)),
    ...(hasTicker ? [ticker()] : []),
    ...(isLive ? [...liveModules, tallies] : []),
  ],
  database,
  brokers: {
    postgres: createPostgresBroker({ database, sessionTimeout, heartbeat: '250ms', logger }),
    ...(kafkaBrokers.length > 0 && { kafka: kafka() }),
  },
  ...(redisUrl && createTestRedis(databaseUrl, redisUrl)),
  http: { host: '127.0.0.1', port: 0, authenticate },
  logger,
  ...(roles && { roles }),
})

const start = async () => {
  await app.start()
  process.stdout.write(`${JSON.stringify({ url: app.url })}\n`)
}
await runUntilSignal({ start, stop: () => app.stop() }, logger)

function endAt(killer: ChildOptions['killer']) {
  return ({ key, n }: { readonly key: string; readonly n: number }) => {
    if (key === killer?.key && n === killer.n) process.kill(process.pid, 'SIGKILL')
  }
}
