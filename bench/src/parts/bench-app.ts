import { type App, type AppOptions, createApp, createLogger, type Module } from 'millrace'
import { createKafkaBroker } from 'millrace/kafka'
import { createPostgresBroker, createPostgresDatabase } from 'millrace/postgres'
import type { Round, RoundKafka } from '../harness/definition.ts'

const logger = createLogger({ level: 'error' })

/** An app with one module, as an app of a user has it; its topics live on Kafka where the round has one. */
export function createBenchApp(
  { url, kafka }: Round,
  module: Module,
  options: Partial<Pick<AppOptions, 'roles' | 'http'>> = {},
): App {
  const database = createPostgresDatabase({ url, logger })
  const postgres = createPostgresBroker({ database, logger })
  return createApp({
    name: 'bench',
    modules: [module],
    database,
    brokers: kafka ? { postgres, kafka: kafkaBroker(kafka) } : { postgres },
    http: { host: '127.0.0.1', port: 0 },
    logger,
    ...options,
  })
}

function kafkaBroker({ bootstrap, fresh }: RoundKafka) {
  return createKafkaBroker({ brokers: bootstrap.split(','), groupPrefix: fresh, logger })
}
