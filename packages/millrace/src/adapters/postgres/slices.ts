import type { Logger } from '../../core/logger.ts'
import type { Queryable } from '../../core/unit.ts'
import type { SlicedTable, Transaction } from '../../ports/database.ts'
import { faultOf } from './errors.ts'

/** Slices made ahead of now: a process that sleeps, or cannot get the lock, for that long still finds one to write to. */
const slicesAhead = 3

/** Every lock here gives up after this, so that a long-running dump never has writers queue behind us. */
const lockTimeout = '200ms'

interface Slice {
  readonly name: string
  readonly startMs: number
  /** Undefined for one that is detached already, and only waits to be dropped. */
  readonly endMs: number | undefined
  /** A DETACH CONCURRENTLY was interrupted. */
  readonly pending: boolean
}

/** A stretch of time, the end exclusive. */
interface Span {
  readonly startMs: number
  readonly endMs: number
}

/** What {@link maintainSlices} needs of the database. */
export interface SliceDatabase {
  query: Queryable['query']
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>
  /** Runs statements one by one on one connection, outside a transaction. */
  session(work: (connection: Queryable) => Promise<void>): Promise<void>
}

/**
 * Creates the slices of a table around now and drops the old ones; see {@link Database.maintainSlices}.
 * Slices come by CREATE LIKE + CHECK + ATTACH and go by DETACH CONCURRENTLY, then DROP: none of these makes the table's
 * readers or writers wait, and each soon gives up where it would have to wait itself.
 */
export async function maintainSlices(database: SliceDatabase, table: SlicedTable, logger: Logger): Promise<void> {
  const nowMs = await databaseTime(database)
  const slices = await findSlices(database, table.table)
  const spans = slices.flatMap(({ startMs, endMs }) => (endMs === undefined ? [] : [{ startMs, endMs }]))
  for (const span of missingSpans(spans, table.sliceMs, nowMs)) {
    try {
      await database.transaction((transaction) => createSlice(transaction, table.table, span))
    } catch (error) {
      // Somebody else works on the table. That is in time later, but not for the slice that is needed now.
      if (faultOf(error) !== 'conflict' || span.startMs <= nowMs) throw error
      logger.info({ table: table.table, err: error }, 'a slice could not be made ahead yet; it is tried again later')
    }
  }
  for (const slice of slices) {
    if (slice.endMs === undefined || slice.endMs + table.keepMs < nowMs) await dropSlice(database, table, slice, logger)
  }
}

/**
 * What is to be covered from now to so many slices ahead, and is not. Slices that are there keep their bounds, whatever
 * length is asked for now.
 */
function missingSpans(present: readonly Span[], sliceMs: number, nowMs: number): Span[] {
  const missing: Span[] = []
  const boundary = (ms: number) => Math.floor(ms / sliceMs) * sliceMs
  let startMs = boundary(nowMs)
  while (startMs <= boundary(nowMs) + slicesAhead * sliceMs) {
    const covering = present.find((span) => span.startMs <= startMs && startMs < span.endMs)
    const nextMs = Math.min(...present.map((span) => span.startMs).filter((ms) => ms > startMs))
    const endMs = covering?.endMs ?? Math.min(boundary(startMs) + sliceMs, nextMs)
    if (!covering) missing.push({ startMs, endMs })
    startMs = endMs
  }
  return missing
}

async function databaseTime(database: SliceDatabase): Promise<number> {
  const { rows } = await database.query<{ ms: number }>(
    'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms',
  )
  return rows[0]?.ms ?? Date.now()
}

async function findSlices(database: SliceDatabase, table: string): Promise<Slice[]> {
  const { rows } = await database.query<{ name: string; end: number | null; pending: boolean }>(
    `SELECT n.nspname || '.' || c.relname AS name, coalesce(i.inhdetachpending, false) AS pending,
            extract(epoch FROM substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''(.*)''\\)')::timestamptz)::float8 AS end
       FROM pg_class p JOIN pg_class c ON c.relnamespace = p.relnamespace AND c.relname ~ ('^' || p.relname || '_\\d+$')
       JOIN pg_namespace n ON n.oid = c.relnamespace
       LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = p.oid
      WHERE p.oid = $1::regclass AND c.relkind = 'r' ORDER BY c.relname`,
    [table],
  )
  return rows.map(({ name, end, pending }) => ({
    name,
    pending,
    startMs: Number(/_(\d+)$/.exec(name)?.[1]) * 1_000,
    endMs: end === null ? undefined : end * 1_000,
  }))
}

async function createSlice(transaction: Transaction, table: string, { startMs, endMs }: Span): Promise<void> {
  const name = `${table}_${startMs / 1_000}`
  const from = new Date(startMs).toISOString()
  const to = new Date(endMs).toISOString()
  const { rows } = await transaction.query<{ column: string; taken: boolean }>(
    `SELECT pg_get_partkeydef($1::regclass) AS column, to_regclass($2) IS NOT NULL AS taken
       FROM pg_advisory_xact_lock(hashtextextended('millrace:slices', 0))`,
    [table, name],
  )
  if (rows[0] === undefined || rows[0].taken) return
  const column = rows[0].column.replace(/^RANGE \((.*)\)$/, '$1')
  const check = `${name.replace(/^.*\./, '')}_bounds`
  await transaction.query(`
    SET LOCAL lock_timeout = '${lockTimeout}';
    CREATE TABLE ${name} (LIKE ${table} INCLUDING ALL);
    ALTER TABLE ${name} ADD CONSTRAINT ${check} CHECK (${column} IS NOT NULL AND ${column} >= '${from}' AND ${column} < '${to}');
    ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM ('${from}') TO ('${to}');
    ALTER TABLE ${name} DROP CONSTRAINT ${check}`)
}

async function dropSlice(database: SliceDatabase, table: SlicedTable, slice: Slice, logger: Logger): Promise<void> {
  if (table.mayDrop && !(await table.mayDrop(slice.name))) return
  try {
    await database.session(async (connection) => {
      await connection.query(`SET lock_timeout = '${lockTimeout}'`)
      if (slice.pending) await connection.query(`ALTER TABLE ${table.table} DETACH PARTITION ${slice.name} FINALIZE`)
      else if (slice.endMs !== undefined)
        await connection.query(`ALTER TABLE ${table.table} DETACH PARTITION ${slice.name} CONCURRENTLY`)
      await connection.query(`DROP TABLE IF EXISTS ${slice.name}`)
    })
  } catch (error) {
    if (faultOf(error) === undefined) throw error
    logger.info({ slice: slice.name, err: error }, 'an old slice could not be dropped yet; it is tried again later')
  }
}
