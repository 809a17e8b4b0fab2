import type { Database } from '../../../ports/database.ts'

/**
 * How long one of our statements waits for a lock, in milliseconds. A process that is stopped in the midst keeps its
 * locks until the server ends its transaction; whoever waits for them must not sit on all the framework's connections,
 * which signs of life need as well.
 */
export const lockWaitMs = 3_000

/** Together longer than the ten seconds after which the server ends an idle transaction. */
const attempts = 4

/** Tries again when another transaction was in the way; the connection is free in between. */
export async function patiently<T>(database: Database, work: () => Promise<T>): Promise<T> {
  for (let failed = 1; ; failed += 1) {
    try {
      return await work()
    } catch (error) {
      if (failed === attempts || database.faultOf(error) !== 'conflict') throw error
    }
  }
}
