import { randomUUID } from 'node:crypto'
import { eq } from 'drizzle-orm'
import { pgSchema, text, uuid } from 'drizzle-orm/pg-core'
import type { AppDatabase } from '../../../database.ts'

/** The table of migrations/0001_login.sql. */
const accountTable = pgSchema('tasks').table('account', {
  id: uuid().primaryKey(),
  email: text().notNull(),
  passwordHash: text('password_hash').notNull(),
})

/** Somebody who may log in. */
export interface Account {
  readonly id: string
  readonly email: string
  readonly passwordHash: string
}

/** Writes a new account; undefined when the e-mail has one already. */
export async function insertAccount(
  db: AppDatabase,
  account: Omit<Account, 'id'>,
): Promise<Pick<Account, 'id' | 'email'> | undefined> {
  const [written] = await db
    .insert(accountTable)
    .values({ id: randomUUID(), ...account })
    .onConflictDoNothing()
    .returning({ id: accountTable.id, email: accountTable.email })
  return written
}

/** The account of an e-mail. */
export async function findAccount(db: AppDatabase, email: string): Promise<Account | undefined> {
  const [found] = await db.select().from(accountTable).where(eq(accountTable.email, email))
  return found
}
