import { type App, createApp, createLogger, type Logger, type Module } from 'millrace'
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
  const app = createApp({
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
  return endingWith(app, postgres.stop)
}

interface Postgres {
  readonly urls: { readonly url: string; readonly directUrl?: string }
  readonly stop: () => Promise<void>
}

async function providePostgres(config: Config, logger: Logger): Promise<Postgres> {
  const { DATABASE_URL: url, DATABASE_DIRECT_URL: directUrl = url } = config
  if (url && directUrl) return { urls: { url, directUrl }, stop: async () => {} }
  const embedded = await startEmbeddedPostgres({ directory: config.DATA_DIR, logger })
  return { urls: { url: embedded.url }, stop: () => embedded.stop() }
}

/** The app, with something that outlives it by a moment, however it ends. */
function endingWith(app: App, stop: () => Promise<void>): App {
  return {
    millrace: app.millrace,
    get url() {
      return app.url
    },
    start: () =>
      app.start().catch(async (error: unknown) => {
        await stop()
        throw error
      }),
    stop: () => app.stop().finally(stop),
    run: () => app.run().finally(stop),
  }
}
