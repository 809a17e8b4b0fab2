import { drizzle, type PgRemoteDatabase } from 'drizzle-orm/pg-proxy'
import type { Queryable } from 'millrace'

/**
 * The app's query builder: Drizzle over whatever runs a statement. Its `pg-proxy` driver asks for nothing else, and
 * refuses transactions of its own, so that `millrace.transaction` and `unit.attempt` stay the only ones.
 *
 * Times: use `timestamp(…, { withTimezone: true })`.
 */
export type AppDatabase = PgRemoteDatabase

declare module 'millrace' {
  interface Register {
    db: AppDatabase
  }
}

/** Makes the query builder on a connection: the pool, or a unit of work's transaction. */
export function bind(connection: Queryable): AppDatabase {
  return drizzle(async (text, values, method) => {
    const { rows } = await connection.query<unknown>(method === 'all' ? { text, rowMode: 'array' } : { text }, values)
    return { rows }
  })
}
