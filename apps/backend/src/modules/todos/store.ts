import { asc, inArray, sql } from 'drizzle-orm'
import { integer, pgSchema, text } from 'drizzle-orm/pg-core'
import type { AppDatabase } from '../../database.ts'
import { largestId, type Todo } from './todo.ts'

/** The table of migrations/0001_todos.sql. */
export const todoTable = pgSchema('todos').table('todo', {
  id: integer().primaryKey(),
  content: text().notNull(),
})

/** Writes a todo; false when its id was taken already, and the first row is kept. */
export async function insertTodo(db: AppDatabase, todo: Todo): Promise<boolean> {
  const written = await db.insert(todoTable).values(todo).onConflictDoNothing().returning({ id: todoTable.id })
  return written.length > 0
}

/** Todos in the order of their ids. */
export function listTodos(db: AppDatabase, page: { readonly limit: number; readonly offset: number }): Promise<Todo[]> {
  return db.select().from(todoTable).orderBy(asc(todoTable.id)).limit(page.limit).offset(page.offset)
}

/** Ids that nobody else will be given. */
export interface IdBlock {
  /** The block's first id; beyond `largestId` when all have been given out. */
  readonly first: number
  /** Those of the block that no row has, ascending. */
  readonly ids: readonly number[]
}

/** Reserves the next block of ids, in one statement. It is not undone by a rollback. */
export async function reserveIds(db: AppDatabase): Promise<IdBlock> {
  const [block] = await db.execute<{ first: number; ids: number[] }>(sql`
    WITH block AS MATERIALIZED (SELECT nextval('todos.todo_id_block') AS first)
    SELECT first::float8 AS first, ARRAY(
      SELECT id::int4 FROM generate_series(first, least(first + 99, ${largestId}::int8)) AS id
      WHERE NOT EXISTS (SELECT FROM ${todoTable} WHERE ${todoTable.id} = id.id)
    ) AS ids
    FROM block`)
  if (!block) throw new Error('a SELECT of one row gave none')
  return block
}

/** Those of the ids that a row has. */
export async function takenIds(db: AppDatabase, ids: readonly number[]): Promise<number[]> {
  const rows = await db
    .select({ id: todoTable.id })
    .from(todoTable)
    .where(inArray(todoTable.id, [...ids]))
  return rows.map(({ id }) => id)
}
