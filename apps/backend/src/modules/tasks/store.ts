import { and, asc, desc, eq, getTableColumns, gte, inArray, isNotNull, isNull, lt, type SQL, sql } from 'drizzle-orm'
import { bigint, integer, pgSchema, text, timestamp } from 'drizzle-orm/pg-core'
import type { AppDatabase } from '../../database.ts'
import { priorities, type Task, type TaskFields } from './task.ts'

const time = (name: string) => timestamp(name, { withTimezone: true })

/** The table of migrations/0002_tasks.sql and 0003_reminders.sql. */
const taskTable = pgSchema('tasks').table('task', {
  id: text().primaryKey(),
  number: bigint({ mode: 'number' }).notNull().generatedAlwaysAsIdentity(),
  userId: text('user_id').notNull(),
  title: text().notNull(),
  description: text(),
  priority: text({ enum: priorities }).notNull(),
  dueDate: time('due_date'),
  completedAt: time('completed_at'),
  version: integer().notNull(),
  createdAt: time('created_at').notNull(),
  updatedAt: time('updated_at').notNull(),
  deletedAt: time('deleted_at'),
  remindedOf: time('reminded_of'),
  foreignPartition: integer('foreign_partition'),
  foreignOffset: bigint('foreign_offset', { mode: 'number' }),
  foreignAt: time('foreign_at'),
})

const { number: _number, ...columns } = getTableColumns(taskTable)
const databaseNow = sql<Date>`millrace.now()`

/** A task as it is kept; a tombstone where `deletedAt` is set. */
export type StoredTask = Readonly<Omit<typeof taskTable.$inferSelect, 'number'>>

/** Writes a new task of a user. */
export async function insertTask(
  db: AppDatabase,
  { id, userId }: Pick<StoredTask, 'id' | 'userId'>,
  { due_date, ...fields }: TaskFields,
): Promise<StoredTask> {
  const times = { dueDate: asDueDate(due_date), createdAt: databaseNow, updatedAt: databaseNow }
  const values = { id, userId, version: 1, ...fields, ...times }
  const [written] = await db.insert(taskTable).values(values).returning(columns)
  if (!written) throw new Error('an INSERT of one row gave none')
  return written
}

/** Writes tasks as they are now, new ones too, in one statement. Those that exist must be locked. */
export async function writeTasks(db: AppDatabase, tasks: readonly StoredTask[]): Promise<void> {
  if (tasks.length === 0) return
  const changing = Object.entries(columns).filter(([name]) => !['id', 'userId', 'createdAt'].includes(name))
  const set = Object.fromEntries(changing.map(([name, column]) => [name, sql.raw(`excluded.${column.name}`)]))
  await db
    .insert(taskTable)
    .values([...tasks])
    .onConflictDoUpdate({ target: taskTable.id, set })
}

/** Tasks and tombstones by id, which nobody else changes until the unit has ended. */
export async function lockTasks(db: AppDatabase, ids: readonly string[]): Promise<Map<string, StoredTask>> {
  const wanted = inArray(taskTable.id, [...ids])
  const rows = await db.select(columns).from(taskTable).where(wanted).orderBy(asc(taskTable.id)).for('update')
  return new Map(rows.map((row) => [row.id, row]))
}

/** One task of a user; undefined where he has none of this id. */
export async function findTask(db: AppDatabase, id: string, owner: string): Promise<StoredTask | undefined> {
  const [row] = await db
    .select(columns)
    .from(taskTable)
    .where(and(eq(taskTable.id, id), isOf(owner)))
  return row
}

/** Which tasks to list. */
export interface TaskFilter {
  readonly completed?: boolean | undefined
  readonly priority?: Task['priority'] | undefined
  readonly due_before?: string | undefined
  readonly due_after?: string | undefined
  /** The `number` of the last task of the page before. */
  readonly after?: number | undefined
  readonly limit: number
}

/** Tasks of a user with their numbers, the latest first. */
export function listTasks(db: AppDatabase, owner: string, filter: TaskFilter) {
  const { completed, priority, due_before, due_after, after, limit } = filter
  const wanted = and(
    isOf(owner),
    completed === undefined ? undefined : completed ? isNotNull(taskTable.completedAt) : isNull(taskTable.completedAt),
    priority && eq(taskTable.priority, priority),
    due_before === undefined ? undefined : lt(taskTable.dueDate, new Date(due_before)),
    due_after === undefined ? undefined : gte(taskTable.dueDate, new Date(due_after)),
    after === undefined ? undefined : lt(taskTable.number, after),
  )
  return db.select().from(taskTable).where(wanted).orderBy(desc(taskTable.number)).limit(limit)
}

/** A task as it is answered. */
export function asTask(row: StoredTask): Task {
  return {
    id: row.id,
    user_id: row.userId,
    title: row.title,
    description: row.description,
    priority: row.priority,
    due_date: row.dueDate?.toISOString() ?? null,
    completed: row.completedAt !== null,
    completed_at: row.completedAt?.toISOString() ?? null,
    version: row.version,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  }
}

/** A due date as it is kept. */
export function asDueDate(text: string | null): Date | null {
  return text === null ? null : new Date(text)
}

function isOf(owner: string): SQL | undefined {
  return and(eq(taskTable.userId, owner), isNull(taskTable.deletedAt))
}
