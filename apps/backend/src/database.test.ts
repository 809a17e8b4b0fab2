import { eq, sql } from 'drizzle-orm'
import { integer, pgTable, timestamp } from 'drizzle-orm/pg-core'
import { testApp } from 'millrace/testing'
import { expect, test } from 'vitest'
import { bind } from './database.ts'

const moment = pgTable('moment', { id: integer().primaryKey(), at: timestamp({ withTimezone: true }) })

async function start() {
  const t = await testApp({ modules: [], bind, roles: ['api'] })
  await t.millrace.db.execute(sql`CREATE TABLE moment (id int4 PRIMARY KEY, at timestamptz)`)
  return t
}

test('rows come back as Drizzle types them, times included', async () => {
  await using t = await start()
  const { db } = t.millrace
  const at = new Date('2026-03-01T12:30:15.123Z')
  expect(await db.insert(moment).values({ id: 1, at }).returning()).toEqual([{ id: 1, at }])
  expect(await db.select().from(moment).where(eq(moment.id, 1))).toEqual([{ id: 1, at }])
  expect(await db.execute(sql`SELECT count(*)::int AS moments FROM moment`)).toEqual([{ moments: 1 }])
})

test('in a unit of work it runs in its transaction', async () => {
  await using t = await start()
  const failed = t.millrace.transaction(async ({ db }) => {
    await db.insert(moment).values({ id: 1 })
    expect(await db.$count(moment)).toBe(1)
    throw new Error('on second thoughts')
  })
  await expect(failed).rejects.toThrow('on second thoughts')
  expect(await t.millrace.db.$count(moment)).toBe(0)
})

test('it has no transactions of its own', async () => {
  await using t = await start()
  await expect(t.millrace.db.transaction(async () => {})).rejects.toThrow('not supported')
})
