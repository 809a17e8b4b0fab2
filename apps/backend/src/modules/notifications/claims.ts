import { sql } from 'drizzle-orm'
import type { AppDatabase } from '../../database.ts'
import type { Notification } from './notification.ts'
import { type ShownRow, shown, shownColumns } from './store.ts'

/** A notification that a round has claimed; `claim` tells it from earlier and later claims of the same one. */
export interface Claim {
  readonly id: string
  readonly claim: number
}

/** A claimed notification that this process is to send. */
export interface Taken {
  readonly id: string
  readonly user_id: string
  readonly event: string
  readonly content: string
  /** How often it was sent before. */
  readonly attempts: number
  readonly created_at: Date
}

/** What sending came to. */
export type Outcome =
  | { readonly sent: true }
  /** `waitMs` until the next attempt; undefined: there is none. */
  | { readonly sent: false; readonly error: string; readonly waitMs: number | undefined }

/** Claims the oldest that are due, at most so many; another unit that claims at the same time gets others. */
export async function claimDue(db: AppDatabase, most: number): Promise<Claim[]> {
  return await db.execute<Claim & Record<string, unknown>>(sql`
    WITH due AS MATERIALIZED (
      SELECT id, due_at, seq FROM notifications.notification
       WHERE state = 'unsent' AND due_at <= millrace.now()
       ORDER BY due_at, seq LIMIT ${most} FOR UPDATE SKIP LOCKED
    ), claimed AS (
      UPDATE notifications.notification n
         SET state = 'sending', claim = claim + 1, claimed_at = millrace.now(), sending_until = NULL
        FROM due WHERE n.id = due.id RETURNING n.id, n.claim
    )
    SELECT id, claim FROM claimed JOIN due USING (id) ORDER BY due_at, seq`)
}

/**
 * Takes a claimed notification, so that no other process sends it for so long. `'busy'` where somebody has taken it;
 * undefined where there is nothing to send: it was sent, or claimed anew.
 */
export async function take(db: AppDatabase, { id, claim }: Claim, forMs: number): Promise<Taken | 'busy' | undefined> {
  const now = sql`millrace.now()`
  const end = sql`${now} + ${forMs} * interval '1 millisecond'`
  // An end further off than that is from before the clock was set back.
  const [taken] = await db.execute<Taken & Record<string, unknown>>(sql`
    UPDATE notifications.notification SET sending_until = ${end}
     WHERE id = ${id} AND claim = ${claim} AND state = 'sending'
       AND (sending_until IS NULL OR sending_until NOT BETWEEN ${now} AND ${end})
    RETURNING id, user_id, event, content, attempts, created_at`)
  if (taken) return taken
  return (await isClaimed(db, { id, claim })) ? 'busy' : undefined
}

async function isClaimed(db: AppDatabase, { id, claim }: Claim): Promise<boolean> {
  const rows = await db.execute(sql`
    SELECT FROM notifications.notification WHERE id = ${id} AND claim = ${claim} AND state = 'sending'`)
  return rows.length > 0
}

/**
 * Writes down what sending came to, once: where that has been done, or it was claimed anew, nothing changes.
 *
 * @returns the notification as it is then; undefined where nothing changed
 */
export async function settle(
  db: AppDatabase,
  { id, claim }: Claim,
  outcome: Outcome,
): Promise<Notification | undefined> {
  const changes = outcome.sent
    ? sql`state = 'sent', sent_at = millrace.now(), last_error = NULL`
    : sql`state = ${outcome.waitMs === undefined ? 'failed' : 'unsent'}, last_error = ${outcome.error},
          due_at = millrace.now() + ${outcome.waitMs ?? 0} * interval '1 millisecond'`
  const [settled] = await db.execute<ShownRow>(sql`
    UPDATE notifications.notification SET ${changes}, attempts = attempts + 1, sending_until = NULL
     WHERE id = ${id} AND claim = ${claim} AND state = 'sending' RETURNING ${shownColumns}`)
  return settled && shown(settled)
}

/**
 * Gives claims back whose event has not been handled for so long: it was discarded as a dead letter, its consumer is paused,
 * or it waits in line. When it is handled after all, its claim is a former one.
 */
export async function releaseLapsed(db: AppDatabase, afterMs: number, most: number): Promise<number> {
  const released = await db.execute(sql`
    UPDATE notifications.notification SET state = 'unsent', due_at = '-infinity' WHERE id IN (
      SELECT id FROM notifications.notification
       WHERE state = 'sending' AND claimed_at < millrace.now() - ${afterMs} * interval '1 millisecond'
         AND coalesce(sending_until < millrace.now(), true)
       ORDER BY claimed_at LIMIT ${most} FOR UPDATE SKIP LOCKED
    ) RETURNING id`)
  return released.length
}
