import pino from 'pino'
import { createPostgresBroker, createPostgresDatabase } from '../../src/adapters/postgres/index.ts'
import { runUntilSignal } from '../../src/app/run.ts'
import { createApp, createLogger } from '../../src/index.ts'
import { createTestKafka } from '../../src/testing/kafka.ts'
import { flow } from './flow.ts'
import type { SabotageName } from './sabotage.ts'

/** What an app of the run is to be; the only argument of its process, as JSON. */
export interface AppSettings {
  readonly seed: number
  readonly databaseUrl: string
  /** Empty: its topics are in PostgreSQL. */
  readonly kafkaBrokers: readonly string[]
  readonly adminToken: string
  readonly sabotage: SabotageName | undefined
}

/** Far below the defaults, so that faults of seconds outlast a session. */
const sessionTimeout = '3s'

/** Runs the app until it is told to stop. When it takes requests, it prints one line of JSON; it logs to standard error. */
export async function runApp({ seed, databaseUrl, kafkaBrokers, adminToken }: AppSettings): Promise<void> {
  const logger = createLogger({ destination: pino.destination({ fd: 2, sync: true }) })
  const name = `chaos ${process.pid}`
  const database = createPostgresDatabase({ url: databaseUrl, applicationName: name, logger })
  const postgres = createPostgresBroker({ database, sessionTimeout, heartbeat: '500ms', logger })
  const kafka = () => createTestKafka(databaseUrl, { brokers: kafkaBrokers, clientId: name, sessionTimeout, logger })
  const app = createApp({
    name: 'chaos',
    modules: [flow(seed)],
    database,
    brokers: { postgres, ...(kafkaBrokers.length > 0 && { kafka: kafka() }) },
    http: { host: '127.0.0.1', port: 0, adminToken },
    logger,
  })
  const start = async () => {
    await app.start()
    process.stdout.write(`${JSON.stringify({ url: app.url })}\n`)
  }
  await runUntilSignal({ start, stop: () => app.stop() }, logger)
}
