import { type App, createApp, createLogger, type Module } from 'millrace'
import { createPostgresBroker, createPostgresDatabase } from 'millrace/postgres'

/** An app with one module, as an app of a user has it. */
export function createBenchApp(url: string, module: Module): App {
  const logger = createLogger({ level: 'error' })
  const database = createPostgresDatabase({ url, logger })
  return createApp({
    name: 'bench',
    modules: [module],
    database,
    brokers: { postgres: createPostgresBroker({ database, logger }) },
    http: { host: '127.0.0.1', port: 0 },
    logger,
  })
}
