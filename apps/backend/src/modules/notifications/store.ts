import { and, desc, eq, gt, lt, type SQL, sql } from 'drizzle-orm'
import { type AnyPgColumn, bigint, integer, pgSchema, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import type { AppDatabase } from '../../database.ts'
import {
  type ListQuery,
  type NewNotification,
  type Notification,
  type NotificationPage,
  type RetryRequest,
  type State,
  userIdOf,
} from './notification.ts'

const schema = pgSchema('notifications')

/** Of the table of migrations/0001_notifications.sql, what is asked for and shown; claims.ts has the rest. */
export const notificationTable = schema.table('notification', {
  id: uuid().primaryKey().defaultRandom(),
  seq: bigint({ mode: 'number' }).generatedAlwaysAsIdentity(),
  user_id: text().notNull(),
  event: text().notNull(),
  content: text().notNull(),
  request_key: text(),
  state: text().$type<State>().notNull().default('unsent'),
  attempts: integer().notNull().default(0),
  last_error: text(),
  created_at: timestamp({ withTimezone: true }).notNull().default(sql`millrace.now()`),
  sent_at: timestamp({ withTimezone: true }),
})

const { seq, id, user_id, event, content, state, attempts, last_error, created_at, sent_at } = notificationTable
const due_at = sql<Date | null>`CASE WHEN state = 'unsent' AND isfinite(due_at) THEN due_at END`
const columns = { seq, id, user_id, event, content, state, attempts, due_at, last_error, created_at, sent_at }

/** What is shown, for statements that Drizzle does not write. */
export const shownColumns: SQL = sql`
  id, user_id, event, content, state, attempts, ${due_at} AS due_at, last_error, created_at, sent_at`

/** Writes notifications, in this order. */
export async function insertNotifications(db: AppDatabase, asked: readonly NewNotification[]): Promise<Notification[]> {
  const rows = await db.insert(notificationTable).values(asked.map(rowOf)).returning(columns)
  return rows.map(shown)
}

/**
 * Writes a notification unless one was asked for with this key.
 *
 * @returns the one there is now, and whether it is new
 */
export async function insertOnce(
  db: AppDatabase,
  asked: NewNotification,
  requestKey: string | undefined,
): Promise<{ readonly isNew: boolean; readonly notification: Notification }> {
  const row = { ...rowOf(asked), request_key: requestKey ?? null }
  const [written] = await db.insert(notificationTable).values(row).onConflictDoNothing().returning(columns)
  if (written) return { isNew: true, notification: shown(written) }
  const [found] = await db
    .select(columns)
    .from(notificationTable)
    .where(eq(notificationTable.request_key, requestKey ?? ''))
  if (!found) throw new Error('the notification with this key was deleted in between')
  return { isNew: false, notification: shown(found) }
}

/** One notification; undefined where there is none of this id. */
export async function findNotification(db: AppDatabase, sought: string): Promise<Notification | undefined> {
  const [row] = await db.select(columns).from(notificationTable).where(eq(id, sought))
  return row && shown(row)
}

/** A page of notifications, the newest first. */
export async function listNotifications(db: AppDatabase, query: ListQuery): Promise<Omit<NotificationPage, 'at'>> {
  const rows = await db
    .select(columns)
    .from(notificationTable)
    .where(
      and(
        ifGiven(user_id, query.user_id),
        ifGiven(state, query.state),
        query.after === undefined ? undefined : lt(seq, Number(query.after)),
      ),
    )
    .orderBy(desc(seq))
    .limit(query.limit + 1)
  const items = rows.slice(0, query.limit)
  return { items: items.map(shown), next: rows.length > query.limit ? `${items.at(-1)?.seq}` : null }
}

/** A notification that is sent again, and its place among all. */
export interface RetriedNotification {
  readonly seq: number
  readonly notification: Notification
}

/** Gives those that have failed all their attempts again, the oldest first, from behind a place on; answers which. */
export async function retryFailed(
  db: AppDatabase,
  { event, limit, ...one }: RetryRequest,
  behind = 0,
): Promise<RetriedNotification[]> {
  const wanted = and(
    eq(state, 'failed'),
    ifGiven(id, one.id),
    ifGiven(user_id, one.user_id),
    ifGiven(notificationTable.event, event),
    gt(seq, behind),
  )
  const rows = await db.execute<ShownRow & { readonly seq: string }>(sql`
    UPDATE notifications.notification SET state = 'unsent', attempts = 0, due_at = '-infinity' WHERE id IN (
      SELECT id FROM notifications.notification
       WHERE ${wanted} ORDER BY seq LIMIT ${limit} FOR UPDATE
    ) RETURNING seq, ${shownColumns}`)
  const retried = rows.map((row) => ({ seq: Number(row.seq), notification: shown(row) }))
  return retried.toSorted((one, other) => one.seq - other.seq)
}

function ifGiven(column: AnyPgColumn, value: string | undefined): SQL | undefined {
  return value === undefined ? undefined : eq(column, value)
}

function rowOf(asked: NewNotification) {
  return { user_id: userIdOf(asked), event: asked.event, content: asked.content }
}

/** What {@link shownColumns} are. */
export interface ShownRow
  extends Record<string, unknown>,
    Pick<Notification, 'id' | 'user_id' | 'event' | 'content' | 'state' | 'attempts' | 'last_error'> {
  readonly due_at: Date | null
  readonly created_at: Date
  readonly sent_at: Date | null
}

/** A row as a notification is shown. */
export function shown({ id, user_id, event, content, state, attempts, last_error, ...times }: ShownRow): Notification {
  return {
    ...{ id, user_id, event, content, state, attempts, last_error },
    next_attempt_at: times.due_at?.toISOString() ?? null,
    created_at: times.created_at.toISOString(),
    sent_at: times.sent_at?.toISOString() ?? null,
  }
}
