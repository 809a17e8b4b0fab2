import type { Fault } from './fault.ts'

/** The database server is killed, and started again. */
export const killPostgres: Fault = {
  describe: () => 'kill -9 of PostgreSQL',
  targets: () => 1,
  resource: () => 'PostgreSQL',
  lasts: [100, 4_000],
  begin: (stage) => stage.postgres.crash(),
  end: (stage) => stage.postgres.start(),
}
