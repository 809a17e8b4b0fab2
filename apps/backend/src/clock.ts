import { sql } from 'drizzle-orm'
import type { AppDatabase } from './database.ts'

/** What time it is for all that is stored. */
export async function readClock(db: AppDatabase): Promise<Date> {
  const [row] = await db.execute<{ now: string }>(sql`SELECT to_json(millrace.now()) AS now`)
  return new Date(row?.now ?? Number.NaN)
}
