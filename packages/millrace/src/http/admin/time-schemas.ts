import * as z from 'zod'

const name = z.string().regex(/^[A-Za-z0-9._-]{1,200}$/, 'is not a schedule’s name')

/** Parameters of one schedule’s routes. */
export const scheduleParams = z.object({ name })

/** What the list is asked for. */
export const scheduleQuery = z.object({
  after: name.optional().describe('The `next` of the page before'),
  limit: z.coerce.number().int().min(1).max(200).default(100),
})

const time = z.iso.datetime().nullable()

const schedule = z.object({
  name: z.string(),
  timeTable: z.string().describe('Every so many milliseconds, or a cron pattern and its time zone'),
  defined: z.boolean().describe('Whether this app has it; one that no app has does nothing'),
  dueAt: z.iso.datetime().describe('The next tick, or the one that is overdue'),
  retryAt: time.describe('When a tick that has failed is tried again'),
  requested: z.boolean().describe('Whether a run was asked for and has not ended'),
  lastTickAt: time.describe('The latest tick that has run, as it stands on the time-table'),
  lastRunAt: time.describe('When something ran last, well or not'),
  lastDurationMs: z.number().nullable(),
  lastError: z.string().nullable().describe('Of the last run, where it failed'),
  lastErrorAt: time.describe('When a run failed last'),
  runs: z.int().describe('Runs that were committed'),
  failures: z.int(),
  skipped: z.int().describe('Ticks left out because they came while nothing could run'),
})

/** A page of schedules. */
export const schedulePage = z.object({
  items: z.array(schedule),
  next: z.string().nullable().describe('The `after` of the next page; null: this is the last one'),
})

/** That a schedule is to run. */
export const scheduleRequested = z.object({ name: z.string(), requested: z.literal(true) })

/** The timers. */
export const timerState = z.object({
  pending: z.int(),
  exact: z.boolean().describe('Whether `pending` was counted; from 10,000 on it is PostgreSQL’s estimate'),
  overdue: z.int().describe('Due and not fired yet; at most 10,000 are counted'),
  oldestLateMs: z.int().describe('How late the oldest of these is'),
})

/** What the list is asked for. */
export type ScheduleQuery = z.output<typeof scheduleQuery>
/** A page of schedules. */
export type SchedulePage = z.output<typeof schedulePage>
/** A schedule in a list. */
export type ScheduleItem = z.output<typeof schedule>
/** That a schedule is to run. */
export type ScheduleRequested = z.output<typeof scheduleRequested>
/** The timers. */
export type TimerAnswer = z.output<typeof timerState>
