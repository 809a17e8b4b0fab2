import { findEmbeddedPostgres } from 'millrace/embedded-postgres'
import type { Database } from 'millrace/ports'
import { createPostgresDatabase } from 'millrace/postgres'
import type { Settings } from './settings.ts'

/**
 * The database of the app, to be stopped by the caller: that of `DATABASE_URL`, else the embedded one of an app that runs on
 * this machine. Undefined where there is neither.
 *
 * @throws EMBEDDED_UNAVAILABLE where the embedded one is another user’s
 */
export async function openDatabase({ DATABASE_URL, DATA_DIR: directory }: Settings): Promise<Database | undefined> {
  const url = DATABASE_URL ?? (await findEmbeddedPostgres({ directory }))
  return url === undefined ? undefined : createPostgresDatabase({ url, poolSize: 2, applicationName: 'a script' })
}
