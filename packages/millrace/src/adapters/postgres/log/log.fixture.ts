import { silentLogger } from '../../../core/logger.ts'
import type { Queryable, QueryResult, Statement } from '../../../core/unit.ts'
import { migrate } from '../../../migrate/index.ts'
import type { ConnectionShare, Database } from '../../../ports/database.ts'
import { createTestDatabase } from '../../../testing/database.ts'
import { createPostgresDatabase } from '../index.ts'
import type { PostgresBrokerOptions } from './config.ts'
import { createPostgresBroker, logMigrations, type PostgresBroker } from './index.ts'

/** What one process has: its connections and its broker, started. */
export interface LogProcess {
  readonly database: Database
  readonly broker: PostgresBroker
  stop(): Promise<void>
}

/** A log of a test's own. */
export interface TestLog extends AsyncDisposable {
  readonly url: string
  /** Connects as another process would; stopped with the log. */
  connect(options?: Partial<PostgresBrokerOptions>): Promise<LogProcess>
}

/** The session time-out and heartbeat of tests. */
export const quickSession = { sessionTimeout: '1s', heartbeat: '100ms' } as const

/** Makes a log in a database of its own. */
export async function createTestLog(): Promise<TestLog> {
  const { url, drop } = await createTestDatabase()
  const processes: LogProcess[] = []
  const connect = async (options: Partial<PostgresBrokerOptions> = {}) => {
    const connected = await connectLog(url, options)
    processes.push(connected)
    return connected
  }
  const setUp = createPostgresDatabase({ url })
  await migrate(setUp, [logMigrations], silentLogger)
  await setUp.stop()
  return {
    url,
    connect,
    async [Symbol.asyncDispose]() {
      await Promise.all(processes.map((one) => one.stop()))
      await drop()
    },
  }
}

/** Told of a single statement, and what it answered. */
export type SeeStatement = (statement: Statement, result: QueryResult) => void

/** A database whose single statements are seen. */
export function watchedDatabase(url: string, seen: SeeStatement): Database {
  const database = createPostgresDatabase({ url })
  const on = (share: ConnectionShare): Queryable => ({
    async query<Row>(statement: string | Statement, values?: readonly unknown[]) {
      const result = await database.on(share).query<Row>(statement, values)
      seen(typeof statement === 'string' ? { text: statement } : statement, result as QueryResult)
      return result
    },
  })
  return new Proxy(database, {
    get(target, name) {
      const found: unknown = name === 'on' ? on : Reflect.get(target, name)
      return typeof found === 'function' ? found.bind(target) : found
    },
  })
}

/** Connects to a log that is there. */
export async function connectLog(url: string, options: Partial<PostgresBrokerOptions> = {}): Promise<LogProcess> {
  const { database = createPostgresDatabase({ url }) } = options
  const broker = createPostgresBroker({ ...quickSession, ...options, database })
  await broker.start()
  const stop = async () => {
    await broker.stop()
    await database.stop()
  }
  return { database, broker, stop }
}
