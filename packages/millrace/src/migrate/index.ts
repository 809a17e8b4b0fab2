export { type MigrationSet, migrate } from './migrate.ts'
