import { isMillraceError, type LiveSnapshot, type Millrace } from 'millrace'
import type { AppDatabase } from './database.ts'

/** Of no history: who connects with it is told to load everything anew. */
const nowhere = 'nowhere'

/**
 * Reads data for a client that goes on with live updates. While this process has none, it reads all the same, and answers
 * a position that makes the client read again once there are some.
 */
export async function readLive<T>(
  { live, db }: Pick<Millrace, 'live' | 'db'>,
  read: (db: AppDatabase) => Promise<T>,
): Promise<LiveSnapshot<T>> {
  try {
    return await live.snapshot(read)
  } catch (error) {
    if (!isMillraceError(error, 'LIVE_UNAVAILABLE')) throw error
    return { data: await read(db), at: nowhere }
  }
}
