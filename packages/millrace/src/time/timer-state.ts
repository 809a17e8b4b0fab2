import type { Queryable } from '../core/unit.ts'

/** The timers of a database. */
export interface TimerState {
  readonly pending: number
  /** Whether `pending` was counted; else it is PostgreSQL's estimate. */
  readonly isExact: boolean
  /** Due, and not fired yet; at most 10,000 are counted. */
  readonly overdue: number
  /** How late the oldest of them is, in milliseconds; 0 where there are none. */
  readonly oldestLateMs: number
}

const mostCounted = 10_000

const count = `
  WITH counted AS (SELECT count(*)::int AS rows FROM (SELECT FROM millrace.timer LIMIT ${mostCounted}) t),
       late AS (SELECT due_at FROM millrace.timer WHERE due_at <= millrace.now() ORDER BY due_at LIMIT ${mostCounted})
  SELECT rows < ${mostCounted} AS "isExact",
         CASE WHEN rows < ${mostCounted} THEN rows
              ELSE greatest(rows, pg_stat_get_live_tuples('millrace.timer'::regclass))::float8 END AS pending,
         (SELECT count(*)::int FROM late) AS overdue,
         coalesce((SELECT extract(epoch FROM millrace.now() - min(due_at))::float8 * 1000 FROM late), 0) AS "oldestLateMs"
    FROM counted`

/** Looks at the timers: at no more than some thousands of them, however many there are. */
export async function countTimers(connection: Queryable): Promise<TimerState> {
  const { rows } = await connection.query<TimerState>({ name: 'millrace_timers_count', text: count })
  return rows[0] ?? { pending: 0, isExact: true, overdue: 0, oldestLateMs: 0 }
}
