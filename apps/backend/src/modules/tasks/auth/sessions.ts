import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { and, desc, eq, gt, inArray, lte, ne, sql } from 'drizzle-orm'
import { pgSchema, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import type { AppDatabase } from '../../../database.ts'

/** The table of migrations/0001_login.sql. */
const sessionTable = pgSchema('tasks').table('session', {
  id: uuid().primaryKey(),
  accountId: uuid('account_id').notNull(),
  tokenHash: text('token_hash').notNull(),
  expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull(),
})

const { id, accountId, tokenHash, expiresAt, createdAt } = sessionTable
const now = sql<Date>`millrace.now()`
const inMs = (ms: number) => sql<Date>`millrace.now() + ${ms} * interval '1 millisecond'`

/** Devices of one account. One more, and the oldest has to log in again. */
const mostSessions = 50

/** What a refresh has come to: the session goes on with another token; or, without one, it has ended. */
export interface RenewedSession {
  readonly accountId: string
  readonly refreshToken: string | undefined
}

/** Begins a session; answers with its first refresh token. */
export async function openSession(db: AppDatabase, account: string, lifetimeMs: number): Promise<string> {
  const session = randomUUID()
  const { token, hash } = newToken(session)
  const values = { id: session, accountId: account, tokenHash: hash, expiresAt: inMs(lifetimeMs), createdAt: now }
  await db.insert(sessionTable).values(values)
  const beyond = db
    .select({ id })
    .from(sessionTable)
    .where(eq(accountId, account))
    .orderBy(desc(createdAt))
    .offset(mostSessions)
  await db.delete(sessionTable).where(inArray(id, beyond))
  return token
}

/**
 * Takes a refresh token for the next one. A token that was taken before ends its session: two have it, and one of them
 * has stolen it.
 *
 * @returns undefined when the token is worth nothing, and never was or has not been for long
 */
export async function renewSession(
  db: AppDatabase,
  token: string,
  lifetimeMs: number,
): Promise<RenewedSession | undefined> {
  const given = parse(token)
  if (!given) return undefined
  const next = newToken(given.session)
  const [renewed] = await db
    .update(sessionTable)
    .set({ tokenHash: next.hash, expiresAt: inMs(lifetimeMs) })
    .where(and(eq(id, given.session), eq(tokenHash, given.hash), gt(expiresAt, now)))
    .returning({ accountId })
  if (renewed) return { accountId: renewed.accountId, refreshToken: next.token }
  const [ended] = await db
    .delete(sessionTable)
    .where(and(eq(id, given.session), ne(tokenHash, given.hash)))
    .returning({ accountId })
  return ended && { accountId: ended.accountId, refreshToken: undefined }
}

/** Ends the session of a refresh token, also of one that was taken before; answers whose it was, where there was one. */
export async function closeSession(db: AppDatabase, token: string): Promise<string | undefined> {
  const given = parse(token)
  if (!given) return undefined
  const [ended] = await db.delete(sessionTable).where(eq(id, given.session)).returning({ accountId })
  return ended?.accountId
}

/** Removes sessions whose time is over. */
export async function purgeSessions(db: AppDatabase): Promise<void> {
  await db.delete(sessionTable).where(lte(expiresAt, now))
}

/** A token names its session, which nobody can guess, and proves by a secret that it is the present one. */
function newToken(session: string): { readonly token: string; readonly hash: string } {
  const secret = randomBytes(32).toString('base64url')
  return { token: `${session}.${secret}`, hash: hashOf(secret) }
}

function parse(token: string): { readonly session: string; readonly hash: string } | undefined {
  const [, session, secret] = /^([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})\.([\w-]{43})$/.exec(token) ?? []
  return session && secret ? { session, hash: hashOf(secret) } : undefined
}

/** Without salt or cost: 32 random bytes are not found by trying. */
function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}
