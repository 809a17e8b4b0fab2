import { sql } from 'drizzle-orm'
import type { AppDatabase } from '../../database.ts'
import type { Statistic } from './notification.ts'

/** Counts the notifications of each event, in place of the last count. */
export async function takeStatistics(db: AppDatabase): Promise<void> {
  await db.execute(sql`DELETE FROM notifications.statistic`)
  await db.execute(sql`
    INSERT INTO notifications.statistic (event, unsent, sent, failed, taken_at)
    SELECT event, count(*) FILTER (WHERE state IN ('unsent', 'sending')), count(*) FILTER (WHERE state = 'sent'),
           count(*) FILTER (WHERE state = 'failed'), millrace.now()
      FROM notifications.notification GROUP BY event`)
}

interface StatisticRow extends Record<string, unknown>, Pick<Statistic, 'event' | 'unsent' | 'sent' | 'failed'> {
  readonly taken_at: Date
}

/** The last count, the events with the most failed ones first; at most 1,000 events. */
export async function readStatistics(db: AppDatabase): Promise<Statistic[]> {
  const rows = await db.execute<StatisticRow>(sql`
    SELECT event, unsent::float8, sent::float8, failed::float8, taken_at
      FROM notifications.statistic ORDER BY failed DESC, event LIMIT 1000`)
  return rows.map((row) => ({ ...row, taken_at: row.taken_at.toISOString() }))
}

/** Deletes those that were sent longer ago, at most so many. Those that have failed stay until somebody sees to them. */
export async function removeSent(db: AppDatabase, olderThanMs: number, most: number): Promise<number> {
  const removed = await db.execute(sql`
    DELETE FROM notifications.notification WHERE id IN (
      SELECT id FROM notifications.notification
       WHERE state = 'sent' AND sent_at < millrace.now() - ${olderThanMs} * interval '1 millisecond'
       ORDER BY sent_at LIMIT ${most}
    ) RETURNING id`)
  return removed.length
}
