export type { PostgresOptions } from './config.ts'
export { createPostgresDatabase } from './database.ts'
export { createPostgresBroker, type PostgresBroker, type PostgresBrokerOptions } from './log/index.ts'
