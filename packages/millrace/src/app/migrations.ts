import type { Module } from '../core/module.ts'
import { deliveryMigrations } from '../delivery/index.ts'
import type { MigrationSet } from '../migrate/index.ts'
import { outboxMigrations } from '../outbox/index.ts'
import { timeMigrations } from '../time/index.ts'

/** All migrations of an app: the framework's, then the modules'. */
export function migrationsOf(modules: readonly Module[], broker: MigrationSet): MigrationSet[] {
  const owned = modules.flatMap(({ name, migrations: folder }) => (folder ? [{ owner: name, folder }] : []))
  return [timeMigrations, broker, outboxMigrations, deliveryMigrations, ...owned]
}
