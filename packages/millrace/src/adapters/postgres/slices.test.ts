import type { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Database, SlicedTable } from '../../ports/database.ts'
import { Server } from './server.fixture.ts'

const hour = 3_600_000

let server: Server
let database: Database
let client: Client

beforeEach(async () => {
  server = await Server.create()
  database = server.connect()
  client = await server.client()
  await database.query('CREATE SCHEMA millrace')
  await database.query('CREATE TABLE millrace.sliced (at timestamptz NOT NULL, n int) PARTITION BY RANGE (at)')
  await database.query('CREATE INDEX sliced_n ON millrace.sliced (n)')
})

afterEach(() => server[Symbol.asyncDispose]())

function maintain(options: Partial<SlicedTable> = {}): Promise<void> {
  return database.maintainSlices({ table: 'millrace.sliced', sliceMs: hour, keepMs: hour, ...options })
}

/** The slices by how many hours they begin before (-) or after the current one. */
async function slices(): Promise<{ attached: number[]; pending: number[]; detached: number[] }> {
  const { rows } = await database.query<{ start: number; attached: boolean; pending: boolean }>(
    `SELECT substring(relname FROM '\\d+$')::int AS start, inhrelid IS NOT NULL AS attached, coalesce(inhdetachpending, false) AS pending
       FROM pg_class LEFT JOIN pg_inherits ON inhrelid = oid
      WHERE relnamespace = 'millrace'::regnamespace AND relkind = 'r' ORDER BY 1`,
  )
  const now = Math.floor(Date.now() / hour)
  const hours = (of: (row: { attached: boolean; pending: boolean }) => boolean) =>
    rows.filter(of).map(({ start }) => (start * 1_000) / hour - now)
  return {
    attached: hours(({ attached, pending }) => attached && !pending),
    pending: hours(({ pending }) => pending),
    detached: hours(({ attached }) => !attached),
  }
}

async function addSlice(hoursFromNow: number): Promise<string> {
  const start = (Math.floor(Date.now() / hour) + hoursFromNow) * hour
  const name = `millrace.sliced_${start / 1_000}`
  const [from, to] = [start, start + hour].map((ms) => new Date(ms).toISOString())
  await database.query(`CREATE TABLE ${name} PARTITION OF millrace.sliced FOR VALUES FROM ('${from}') TO ('${to}')`)
  return name
}

/** What a dump does first: it locks every table against changes of its definition, and takes a snapshot. */
async function beginDump(): Promise<void> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  const { rows } = await client.query<{ name: string }>(
    "SELECT oid::regclass::text AS name FROM pg_class WHERE relnamespace = 'millrace'::regnamespace AND relkind IN ('r', 'p')",
  )
  for (const { name } of rows) await client.query(`LOCK TABLE ${name} IN ACCESS SHARE MODE`)
}

describe('slices', () => {
  test('are there for now and some time ahead, and take rows; doing it again changes nothing', async () => {
    await maintain()
    await maintain()
    expect(await slices()).toEqual({ attached: [0, 1, 2, 3], pending: [], detached: [] })
    await database.query("INSERT INTO millrace.sliced VALUES (now(), 1), (now() + interval '2 hours', 2)")
    const { rows } = await database.query("SELECT count(*)::int FROM pg_indexes WHERE tablename LIKE 'sliced\\_%'")
    expect(rows).toEqual([{ count: 4 }])
  })

  test('that are old are dropped, unless that is not allowed', async () => {
    for (const hours of [-5, -4, -1]) await addSlice(hours)
    const asked: string[] = []
    const kept = (await slices()).attached.length
    await maintain({
      mayDrop: async (slice) => {
        asked.push(slice)
        return asked.length > 1
      },
    })
    expect(kept).toBe(3)
    expect(asked).toHaveLength(2)
    expect(asked[0]).toMatch(/^millrace\.sliced_\d+$/)
    expect((await slices()).attached).toEqual([-5, -1, 0, 1, 2, 3])
  })

  test('are made and dropped once by any number of processes at a time', async () => {
    for (const hours of [-5, -4, -3]) await addSlice(hours)
    const table = { table: 'millrace.sliced', sliceMs: hour, keepMs: hour }
    await Promise.all(Array.from({ length: 6 }, () => server.connect().maintainSlices(table)))
    await maintain()
    expect(await slices()).toEqual({ attached: [0, 1, 2, 3], pending: [], detached: [] })
  })

  test('under a dump neither readers nor writers wait, new slices come, and old ones go after it', async () => {
    for (const hours of [-5, -4]) await addSlice(hours)
    await database.query("INSERT INTO millrace.sliced VALUES (now() - interval '5 hours', 1)")
    await addSlice(0)
    await beginDump()
    const watcher = await server.client()
    let running = true
    const traffic = (async () => {
      while (running) {
        await database.query('/* traffic */ INSERT INTO millrace.sliced VALUES (now(), 2)')
        await database.query('/* traffic */ SELECT count(*) FROM millrace.sliced')
      }
    })()
    const waiting = (async () => {
      while (running) {
        const { rows } = await watcher.query(
          "SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '/* traffic%'",
        )
        if (rows.length > 0) return rows
      }
      return []
    })()
    await maintain()
    running = false
    await traffic
    expect(await waiting).toEqual([])
    expect((await slices()).attached).toEqual(expect.arrayContaining([0, 1, 2, 3]))
    // Again while the dump goes on: what is half done is no obstacle.
    await maintain()
    expect((await slices()).pending.length + (await slices()).attached.length).toBeGreaterThan(4)

    // The dump reads what it saw at its beginning.
    const { rows } = await client.query('SELECT count(*)::int FROM millrace.sliced WHERE n = 1')
    expect(rows).toEqual([{ count: 1 }])
    await client.query('COMMIT')
    await maintain()
    await maintain()
    expect(await slices()).toEqual({ attached: [0, 1, 2, 3], pending: [], detached: [] })
  })

  test('whose detaching was interrupted are finished, and dropped', async () => {
    const name = await addSlice(-5)
    const other = await server.client()
    await client.query('BEGIN')
    await client.query('SELECT FROM millrace.sliced')
    await other.query("SET lock_timeout = '1ms'")
    await other.query(`ALTER TABLE millrace.sliced DETACH PARTITION ${name} CONCURRENTLY`).catch(() => {})
    expect((await slices()).pending).toEqual([-5])
    await client.query('COMMIT')
    await maintain()
    expect(await slices()).toEqual({ attached: [0, 1, 2, 3], pending: [], detached: [] })
  })

  test('that were detached and not dropped are dropped', async () => {
    const name = await addSlice(-5)
    await database.query(`ALTER TABLE millrace.sliced DETACH PARTITION ${name}`)
    await maintain()
    expect(await slices()).toEqual({ attached: [0, 1, 2, 3], pending: [], detached: [] })
  })

  test('of another table whose name begins alike are left alone', async () => {
    await database.query('CREATE TABLE millrace.sliced_more (n int)')
    await database.query('CREATE TABLE millrace.sliced_more_1 (n int)')
    await maintain()
    const { rows } = await database.query("SELECT to_regclass('millrace.sliced_more_1') IS NOT NULL AS there")
    expect(rows).toEqual([{ there: true }])
  })
})
