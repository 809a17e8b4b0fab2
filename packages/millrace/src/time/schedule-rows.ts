import type { Queryable } from '../core/unit.ts'
import type { Transaction } from '../ports/database.ts'
import type { ChosenTick } from './ticks.ts'

/** A schedule as the database has it; times in milliseconds since 1970. */
export interface ScheduleRow {
  readonly name: string
  /** The time-table it was armed with. */
  readonly timeTable: string
  readonly due: number
  /** When its tick, which has failed, may be tried again; null where it has not. */
  readonly retry: number | null
  /** How often its tick has failed. */
  readonly attempts: number
  /** When it was run last, well or not. */
  readonly lastRun: number | null
  /** The database's time. */
  readonly now: number
  /** Whether an operator has asked for a run. */
  readonly isRequested: boolean
}

const ms = (time: string) => `(extract(epoch FROM ${time}) * 1000)::float8`
const toTime = (parameter: string) => `to_timestamp(${parameter}::float8 / 1000)`
const columns = `
  s.name, s.time_table AS "timeTable", ${ms('s.due_at')} AS due, ${ms('s.retry_at')} AS retry, s.attempts,
  ${ms('s.last_run_at')} AS "lastRun", ${ms('millrace.now()')} AS now`

/** The database's time, and the rows of these schedules that there are. */
export async function readSchedules(
  connection: Queryable,
  names: readonly string[],
): Promise<{ now: number; rows: ScheduleRow[] }> {
  const { rows } = await connection.query<ScheduleRow | { name: null; now: number }>({
    name: 'millrace_schedules_read',
    text: `SELECT ${columns}, EXISTS (SELECT FROM millrace.schedule_request r WHERE r.schedule = s.name) AS "isRequested"
             FROM (SELECT) one LEFT JOIN millrace.schedule s ON s.name = ANY ($1::text[])`,
    values: [names],
  })
  return { now: rows[0]?.now ?? 0, rows: rows.filter((row): row is ScheduleRow => row.name !== null) }
}

/** Adds a schedule that was not there. */
export async function addSchedule(connection: Queryable, name: string, timeTable: string, due: number): Promise<void> {
  await connection.query(
    `INSERT INTO millrace.schedule (name, time_table, due_at) VALUES ($1, $2, ${toTime('$3')}) ON CONFLICT DO NOTHING`,
    [name, timeTable, due],
  )
}

/** Sets a schedule's next tick anew; false where it has changed since it was read, or runs at the moment. */
export async function rearmSchedule(
  connection: Queryable,
  row: ScheduleRow,
  timeTable: string,
  due: number,
): Promise<boolean> {
  const { rowCount } = await connection.query(
    `UPDATE millrace.schedule SET time_table = $4, due_at = ${toTime('$5')}, retry_at = NULL, attempts = 0
      WHERE name = (SELECT name FROM millrace.schedule
                     WHERE name = $1 AND time_table = $2 AND due_at = ${toTime('$3')} FOR UPDATE SKIP LOCKED)`,
    [row.name, row.timeTable, row.due, timeTable, due],
  )
  return rowCount > 0
}

/** A schedule that this transaction alone may run. */
export interface Claim extends Omit<ScheduleRow, 'isRequested'> {
  /** The latest request for a run; undefined where there is none. */
  readonly request: { readonly id: string; readonly at: number } | undefined
}

/** Claims a schedule; undefined while another process runs it. */
export async function claimSchedule(transaction: Transaction, name: string): Promise<Claim | undefined> {
  const { rows } = await transaction.query<Omit<ScheduleRow, 'isRequested'>>({
    name: 'millrace_schedule_claim',
    text: `SELECT ${columns} FROM millrace.schedule s WHERE s.name = $1 FOR UPDATE SKIP LOCKED`,
    values: [name],
  })
  const row = rows[0]
  if (!row) return undefined
  // A statement of its own, which sees what the last run has done.
  const { rows: requests } = await transaction.query<{ id: string; at: number }>({
    name: 'millrace_schedule_requests',
    text: `SELECT id::text AS id, ${ms('requested_at')} AS at FROM millrace.schedule_request
            WHERE schedule = $1 ORDER BY id DESC LIMIT 1`,
    values: [name],
  })
  return { ...row, request: requests[0] }
}

/** What became of a run. */
export interface RunResult {
  readonly name: string
  readonly ranMs: number
  /** Null: all went well. */
  readonly error: string | null
}

/** Writes down that a tick was run, and when the next one is due. */
export async function settleTick(
  connection: Queryable,
  { name, ranMs }: RunResult,
  { tick, next, skipped }: ChosenTick,
): Promise<void> {
  await connection.query({
    name: 'millrace_schedule_settle',
    text: `UPDATE millrace.schedule
              SET due_at = ${toTime('$2')}, last_tick_at = ${toTime('$3')}, skipped = skipped + $4, last_run_ms = $5,
                  retry_at = NULL, attempts = 0, runs = runs + 1, last_run_at = millrace.now(), last_error = NULL
            WHERE name = $1`,
    values: [name, next, tick, skipped, ranMs],
  })
}

/** Writes down that a tick has failed, and when it may be tried again. */
export async function failTick(connection: Queryable, result: RunResult, due: number, retry: number): Promise<void> {
  await connection.query({
    name: 'millrace_schedule_fail',
    text: `UPDATE millrace.schedule
              SET retry_at = ${toTime('$3')}, attempts = attempts + 1, failures = failures + 1, last_run_ms = $4,
                  last_run_at = millrace.now(), last_error = $5, last_error_at = millrace.now()
            WHERE name = $1 AND due_at = ${toTime('$2')}`,
    values: [result.name, due, retry, result.ranMs, result.error],
  })
}

/** Writes down that a requested run has ended, well or not: an operator may ask again. */
export async function settleRequest(connection: Queryable, result: RunResult, requestId: string): Promise<void> {
  await connection.query({
    name: 'millrace_schedule_requested',
    text: `WITH done AS (DELETE FROM millrace.schedule_request WHERE schedule = $1 AND id <= $2)
           UPDATE millrace.schedule
              SET runs = runs + ($4::text IS NULL)::int, failures = failures + ($4 IS NOT NULL)::int, last_run_ms = $3,
                  last_run_at = millrace.now(), last_error = $4,
                  last_error_at = CASE WHEN $4 IS NULL THEN last_error_at ELSE millrace.now() END
            WHERE name = $1`,
    values: [result.name, requestId, result.ranMs, result.error],
  })
}
