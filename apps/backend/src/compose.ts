import { type App, createApp, createLogger, type Logger, type Module, type Part } from 'millrace'
import { startEmbeddedPostgres } from 'millrace/embedded-postgres'
import { createPostgresBroker, createPostgresDatabase } from 'millrace/postgres'
import manifest from '../package.json' with { type: 'json' }
import type { Config, moduleNames } from './config.ts'
import { bind } from './database.ts'
import { todos } from './modules/todos/module.ts'
import { appRoutes } from './routes.ts'

const modules: Readonly<Record<(typeof moduleNames)[number], Module>> = { todos }

/**
 * Joins the modules with the adapters the configuration asks for. An embedded PostgreSQL is running when this resolves;
 * it is stopped after the app.
 *
 * @throws EMBEDDED_ALREADY_RUNNING, EMBEDDED_UNAVAILABLE, DEFINITION_INVALID
 */
export async function compose(config: Config): Promise<App> {
  const logger = createLogger({ level: config.LOG_LEVEL, pretty: process.stdout.isTTY })
  for (const warning of config.warnings) logger.warn({}, warning)
  const postgres = await providePostgres(config, logger)
  const database = createPostgresDatabase({ ...postgres.urls, poolSize: config.DATABASE_POOL_SIZE, logger })
  return createApp({
    services: postgres.services,
    name: 'millrace',
    modules: config.MODULES.map((name) => modules[name]),
    database,
    brokers: { postgres: createPostgresBroker({ database, retention: config.LOG_RETENTION, logger }) },
    bind,
    http: { host: config.HOST, port: config.PORT, title: 'Millrace', version: manifest.version },
    routes: appRoutes,
    roles: config.ROLES,
    topicPartitions: config.TOPIC_PARTITIONS,
    logger,
  })
}

interface Postgres {
  readonly urls: { readonly url: string; readonly directUrl?: string }
  /** The server, where it is ours. */
  readonly services: readonly Part[]
}

async function providePostgres(config: Config, logger: Logger): Promise<Postgres> {
  const { DATABASE_URL: url, DATABASE_DIRECT_URL: directUrl } = config
  if (url) return { urls: { url, directUrl: directUrl ?? url }, services: [] }
  const embedded = await startEmbeddedPostgres({ directory: config.DATA_DIR, logger })
  return { urls: { url: embedded.url }, services: [{ name: 'embedded PostgreSQL', stop: () => embedded.stop() }] }
}
