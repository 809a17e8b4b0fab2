import { startTestPostgres, type TestPostgres } from './database.ts'

let started: TestPostgres | undefined

/**
 * For `globalSetup` of a Vitest configuration: starts one PostgreSQL server for the whole run, unless
 * `TEST_DATABASE_URL` names one. Workers are given its address in the same variable.
 */
export async function setup(): Promise<void> {
  if (process.env['TEST_DATABASE_URL']) return
  started = await startTestPostgres()
  process.env['TEST_DATABASE_URL'] = started.url
}

/** Ends what `setup` has started. */
export async function teardown(): Promise<void> {
  if (!started) return
  delete process.env['TEST_DATABASE_URL']
  await started.stop()
}
