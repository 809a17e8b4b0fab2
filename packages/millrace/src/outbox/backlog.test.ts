import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Queryable } from '../core/unit.ts'
import { type TestApp, testApp } from '../testing/index.ts'
import { laneBacklogs, parkedBacklogs } from './backlog.ts'

let t: TestApp

beforeAll(async () => {
  // Nothing of it relays.
  t = await testApp({ modules: [], roles: ['api'], kafkaBrokers: [] })
})
afterAll(() => t.stop())
beforeEach(async () => {
  await t.database.query('TRUNCATE millrace.outbox, millrace.outbox_parked, millrace.relay')
})

async function write(lane: string, rows: number): Promise<void> {
  await t.database.query(
    `INSERT INTO millrace.outbox (lane, topic, headers) SELECT $1, 'topic', '' FROM generate_series(1, $2)`,
    [lane, rows],
  )
}

async function recordsOf(lane: string): Promise<number | undefined> {
  return (await laneBacklogs(t.database, [lane]))[0]?.records
}

test('a lane that nobody has ever carried waits as a whole; others have nothing to do with it', async () => {
  await write('one', 3)
  await write('two', 1)
  const backlogs = await laneBacklogs(t.database, ['one', 'two', 'three'])
  const records = Object.fromEntries(backlogs.map((backlog) => [backlog.lane, backlog.records]))
  expect(records).toEqual({ one: 3, two: 1, three: 0 })
  for (const { lane, ageSeconds } of backlogs) expect(ageSeconds > 0).toBe(lane !== 'three')
})

test('what the position has passed does not wait', async () => {
  await write('one', 3)
  await t.database.query(`INSERT INTO millrace.relay (lane, done) VALUES ('one', pg_current_snapshot())`)
  expect(await recordsOf('one')).toBe(0)
  await write('one', 2)
  expect(await recordsOf('one')).toBe(2)
})

test('what was committed after the position was taken, and begun before, does', async () => {
  await t.database.transaction(async (transaction) => {
    await transaction.query(`INSERT INTO millrace.outbox (lane, topic, headers) VALUES ('one', 'topic', '')`)
    await t.database.query(`INSERT INTO millrace.relay (lane, done) VALUES ('one', pg_current_snapshot())`)
  })
  expect(await recordsOf('one')).toBe(1)
})

test('within a batch, what has been handed on of it does not', async () => {
  await write('one', 5)
  await t.database.query(
    `INSERT INTO millrace.relay (lane, target, seq)
     SELECT 'one', pg_current_snapshot(), seq FROM millrace.outbox ORDER BY seq OFFSET 3 LIMIT 1`,
  )
  expect(await recordsOf('one')).toBe(2)
})

test('beyond what is counted it is estimated', async () => {
  await write('one', 12_000)
  expect(await recordsOf('one')).toBe(12_000)
})

test('parked rows are counted by lane and topic', async () => {
  await t.database.query(
    `INSERT INTO millrace.outbox_parked (lane, topic, seq, headers, created_at)
     SELECT lane, topic, seq, '', now()
       FROM (VALUES ('one', 'a', 1), ('one', 'a', 2), ('one', 'b', 3), ('two', 'a', 4)) AS rows (lane, topic, seq)`,
  )
  expect(await parkedBacklogs(t.database)).toEqual([
    { lane: 'one', topic: 'a', records: 2 },
    { lane: 'one', topic: 'b', records: 1 },
    { lane: 'two', topic: 'a', records: 1 },
  ])
})

/** How many pages a question reads. */
async function pagesOf(ask: (connection: Queryable) => Promise<unknown>): Promise<number> {
  let pages = Number.NaN
  await t.database.transaction(async (transaction) => {
    await transaction.query('SET LOCAL enable_seqscan = off')
    const explaining: Queryable = {
      query: async (text, values) => {
        const { rows } = await transaction.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
          `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`,
          values,
        )
        const plan = rows[0]?.['QUERY PLAN'][0].Plan ?? {}
        pages = (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0)
        return { rows: [], rowCount: 0 }
      },
    }
    await ask(explaining)
  })
  return pages
}

test('what was relayed before, or waits beyond what is counted, costs nothing', async () => {
  await write('one', 40_000)
  await t.database.query(`INSERT INTO millrace.relay (lane, done) VALUES ('one', pg_current_snapshot())`)
  await t.database.query('VACUUM ANALYZE millrace.outbox')
  expect(await pagesOf((connection) => laneBacklogs(connection, ['one']))).toBeLessThan(100)
  await write('one', 40_000)
  expect(await pagesOf((connection) => laneBacklogs(connection, ['one']))).toBeLessThan(1_000)
})
