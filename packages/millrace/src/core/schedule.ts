import { type Duration, milliseconds } from './duration.ts'
import { fail } from './errors.ts'
import type { Unit } from './unit.ts'

/** One run of a schedule. */
export interface Tick {
  /**
   * The time on the time-table that this run is for, by the database's clock; for a run that an operator asked for, when
   * he did. Not the time it is now: a run may be late.
   */
  readonly scheduledAt: Date
  /** How many earlier ticks have been skipped since the run before. */
  readonly skipped: number
  /** Whether an operator asked for this run, beside the time-table. */
  readonly requested: boolean
}

/** What runs at each tick. */
export type TickHandler = (unit: Unit, tick: Tick) => Promise<void> | void

/**
 * What becomes of ticks that came while nothing could run: no process was there, or the run before took longer.
 * `skip`: the latest of them runs, the others are counted. `catch-up`: each runs, one after the other, oldest first; at
 * most the latest 1,000, those before are skipped and counted.
 */
export type MissedTicks = 'skip' | 'catch-up'

interface CommonScheduleOptions {
  /** @default 'skip' */
  readonly missed?: MissedTicks
  /**
   * What is to be done, in a unit of work: when it throws, or its process dies, nothing of it has happened, and it runs
   * again. Work outside the database belongs in a consumer's `prepare`: publish an event to it.
   */
  readonly run: TickHandler
}

/** Every so often. */
export interface IntervalOptions extends CommonScheduleOptions {
  /** From 100 ms to 366 days. Ticks are at its multiples since 1970 (UTC), so they do not drift: `'30s'` ticks at :00 and :30. */
  readonly every: Duration
  readonly cron?: never
  readonly timeZone?: never
}

/** At the times of a cron pattern. */
export interface CronOptions extends CommonScheduleOptions {
  /** Five fields from minutes to days of the week, or six with seconds first; also `@hourly`, `@daily` and the like. */
  readonly cron: string
  /**
   * An IANA name, such as `'Europe/Berlin'`. When clocks go forward, a fixed time that does not exist runs at the first
   * one that does; when they go back, a fixed time runs once. Patterns with `*`, lists or steps in seconds, minutes or
   * hours go by what the clock shows: they leave out times that do not exist, and run at both that exist twice.
   *
   * @default 'UTC'
   */
  readonly timeZone?: string
  readonly every?: never
}

/** A schedule's time-table, and what runs by it. */
export type ScheduleOptions = IntervalOptions | CronOptions

/** When a schedule ticks. */
export type TimeTable = { readonly everyMs: number } | { readonly cron: string; readonly timeZone: string }

/** Something that runs on a time-table, once in the fleet; see {@link defineSchedule}. */
export interface Schedule {
  readonly kind: 'schedule'
  readonly name: string
  readonly timeTable: TimeTable
  readonly missed: MissedTicks
  readonly run: TickHandler
}

const longestIntervalMs = 366 * 86_400_000

/**
 * Defines a schedule. Each tick is a unit of work that one process of the fleet runs: its effects happen once. It never
 * overlaps with itself.
 *
 * @param name unique in the app: letters, digits, `.`, `_` and `-`, at most 200
 * @throws DEFINITION_INVALID; a cron pattern or a time zone that is none, when the app is created
 * @example
 * defineSchedule('send-notifications', { every: '30s', run: async (unit) => { … } })
 * defineSchedule('report', { cron: '0 6 * * 1-5', timeZone: 'Europe/Berlin', missed: 'catch-up', run: async (unit, tick) => { … } })
 */
export function defineSchedule(name: string, options: ScheduleOptions): Schedule {
  const { missed = 'skip', run } = options
  if (!/^[A-Za-z0-9._-]{1,200}$/.test(name)) {
    throw invalid(name, 'its name may have letters, digits, ".", "_" and "-", at most 200')
  }
  return { kind: 'schedule', name, timeTable: timeTableOf(name, options), missed, run }
}

function timeTableOf(name: string, { every, cron, timeZone = 'UTC' }: ScheduleOptions): TimeTable {
  if ((every === undefined) === (cron === undefined)) throw invalid(name, 'it needs either `every` or `cron`')
  if (cron !== undefined) return { cron: cron.trim().replace(/\s+/g, ' '), timeZone }
  const everyMs = milliseconds(every ?? 0)
  if (!Number.isInteger(everyMs) || everyMs < 100 || everyMs > longestIntervalMs) {
    throw invalid(name, '`every` is not from 100 ms to 366 days, in whole milliseconds')
  }
  return { everyMs }
}

function invalid(name: string, problem: string): Error {
  return fail('DEFINITION_INVALID', { what: `Schedule "${name}"`, problem })
}
