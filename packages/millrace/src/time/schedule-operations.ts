import { fail } from '../core/errors.ts'
import type { Queryable } from '../core/unit.ts'
import type { Database } from '../ports/database.ts'
import { schedulesChannel } from './schedules.ts'

/** How a schedule stands, by what the database knows: in all processes. */
export interface ScheduleState {
  readonly name: string
  readonly timeTable: string
  /** Its next tick, or the one that is overdue. */
  readonly dueAt: Date
  /** When a tick that has failed is tried again. */
  readonly retryAt: Date | null
  readonly isRequested: boolean
  /** The latest tick that has run, as it stands on the time-table. */
  readonly lastTickAt: Date | null
  readonly lastRunAt: Date | null
  readonly lastRunMs: number | null
  /** Of the last run, where it failed. */
  readonly lastError: string | null
  readonly lastErrorAt: Date | null
  readonly runs: number
  readonly failures: number
  readonly skipped: number
}

/** The schedules that workers have had on this database, by name, from the one after `after`. */
export async function listSchedules(connection: Queryable, after: string, limit: number): Promise<ScheduleState[]> {
  const { rows } = await connection.query<ScheduleState>(
    `SELECT s.name, time_table AS "timeTable", due_at AS "dueAt", retry_at AS "retryAt",
            EXISTS (SELECT FROM millrace.schedule_request r WHERE r.schedule = s.name) AS "isRequested",
            last_tick_at AS "lastTickAt", last_run_at AS "lastRunAt", last_run_ms AS "lastRunMs",
            last_error AS "lastError", last_error_at AS "lastErrorAt",
            runs::float8 AS runs, failures::float8 AS failures, skipped::float8 AS skipped
       FROM millrace.schedule s WHERE s.name > $1 ORDER BY s.name LIMIT $2`,
    [after, limit],
  )
  return rows
}

/**
 * Has a schedule run now, once in the fleet, beside its time-table. Asked for again before the run has begun, it is the same
 * one.
 *
 * @throws SCHEDULE_UNKNOWN
 */
export async function requestRun(database: Database, name: string): Promise<void> {
  const { rowCount } = await database.query('SELECT FROM millrace.schedule WHERE name = $1', [name])
  if (rowCount === 0) throw fail('SCHEDULE_UNKNOWN', { schedule: name })
  await database.query(
    `INSERT INTO millrace.schedule_request (schedule)
     SELECT $1 WHERE NOT EXISTS (SELECT FROM millrace.schedule_request WHERE schedule = $1)`,
    [name],
  )
  database.notify(schedulesChannel)
}
