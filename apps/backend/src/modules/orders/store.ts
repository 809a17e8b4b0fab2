import { and, desc, eq, lt, sql } from 'drizzle-orm'
import { integer, pgSchema, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import type { AppDatabase } from '../../database.ts'
import { type LaterStatus, type Order, type OrderRequest, type Status, statuses, stepFrom } from './order.ts'

const databaseNow = sql`millrace.now()`

/** The table of migrations/0001_orders.sql. */
const orderTable = pgSchema('orders').table('order', {
  id: uuid().primaryKey(),
  item: text().notNull(),
  quantity: integer().notNull(),
  status: text({ enum: statuses }).notNull().default('CREATED'),
  version: integer().notNull().default(1),
  created_at: timestamp({ withTimezone: true }).notNull().default(databaseNow),
  updated_at: timestamp({ withTimezone: true }).notNull().default(databaseNow),
})

const changed = { version: sql`${orderTable.version} + 1`, updated_at: databaseNow }

/** Writes a new order. */
export async function insertOrder(db: AppDatabase, id: string, { item, quantity }: OrderRequest): Promise<Order> {
  return only(await db.insert(orderTable).values({ id, item, quantity }).returning())
}

/** One order; undefined where there is none. */
export async function findOrder(db: AppDatabase, id: string): Promise<Order | undefined> {
  const [row] = await db.select().from(orderTable).where(eq(orderTable.id, id))
  return row && asOrder(row)
}

/** One order, which nobody else changes until the unit has ended; undefined where there is none. */
export async function lockOrder(db: AppDatabase, id: string): Promise<Order | undefined> {
  const [row] = await db.select().from(orderTable).where(eq(orderTable.id, id)).for('update')
  return row && asOrder(row)
}

/** Which orders to list. */
export interface OrderFilter {
  readonly status?: Status | undefined
  readonly item?: string | undefined
  /** The id of the last order of the page before. */
  readonly after?: string | undefined
  readonly limit: number
}

/** Orders, the latest first. */
export async function listOrders(db: AppDatabase, { status, item, after, limit }: OrderFilter): Promise<Order[]> {
  const wanted = and(
    status && eq(orderTable.status, status),
    item !== undefined ? eq(orderTable.item, item) : undefined,
    after !== undefined ? lt(orderTable.id, after) : undefined,
  )
  return (await db.select().from(orderTable).where(wanted).orderBy(desc(orderTable.id)).limit(limit)).map(asOrder)
}

/** Changes what was ordered. The order must be locked. */
export async function updateOrder(db: AppDatabase, id: string, { item, quantity }: OrderRequest): Promise<Order> {
  const changes = { item, quantity, ...changed }
  return only(await db.update(orderTable).set(changes).where(eq(orderTable.id, id)).returning())
}

/** Deletes an order. */
export async function deleteOrder(db: AppDatabase, id: string): Promise<void> {
  await db.delete(orderTable).where(eq(orderTable.id, id))
}

/** Moves orders on to a status, in one statement; answers those that have moved. The others could not: see `stepFrom`. */
export async function moveOrders(db: AppDatabase, ids: readonly string[], to: LaterStatus): Promise<Order[]> {
  const those = sql`${orderTable.id} = ANY (${sql.param(ids)}::uuid[])`
  const rows = await db
    .update(orderTable)
    .set({ status: to, ...changed })
    .where(and(those, eq(orderTable.status, stepFrom[to])))
    .returning()
  return rows.map(asOrder)
}

function asOrder(row: typeof orderTable.$inferSelect): Order {
  return { ...row, created_at: row.created_at.toISOString(), updated_at: row.updated_at.toISOString() }
}

function only([row]: readonly (typeof orderTable.$inferSelect)[]): Order {
  if (!row) throw new Error('a statement that writes one order has written none')
  return asOrder(row)
}
