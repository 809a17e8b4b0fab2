import { LogBroker, type PostgresBroker } from './broker.ts'
import { logConfig, type PostgresBrokerOptions } from './config.ts'

export { logMigrations, type PostgresBroker } from './broker.ts'
export type { PostgresBrokerOptions } from './config.ts'

/**
 * A broker whose topics are tables of a PostgreSQL database. It uses the database's `system` connections and does not
 * stop it.
 *
 * @throws DURATION_INVALID, DEFINITION_INVALID
 */
export function createPostgresBroker(options: PostgresBrokerOptions): PostgresBroker {
  return new LogBroker(logConfig(options))
}
