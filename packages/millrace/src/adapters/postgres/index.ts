export type { PostgresOptions } from './config.ts'
export { createPostgresDatabase } from './database.ts'
