export { type FindOptions, findEmbeddedPostgres } from './find.ts'
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './start.ts'
