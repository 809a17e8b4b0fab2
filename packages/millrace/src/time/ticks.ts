import { setImmediate } from 'node:timers/promises'
import { Cron } from 'croner'
import { fail, messageOf } from '../core/errors.ts'
import type { MissedTicks, Schedule } from '../core/schedule.ts'

/** The times of a time-table, in milliseconds since 1970. */
export interface Ticks {
  /** Names the time-table: two that differ tick at other times. */
  readonly text: string
  /** The first tick after a time. */
  next(after: number): number
  /** The latest `most` ticks up to a time, with it; oldest first. */
  latest(until: number, most: number): number[]
  /** How many ticks there are from one time to another, with both; no more than `mostCounted` are counted. */
  count(from: number, until: number): Promise<number>
}

/** Of ticks that were missed, no more are counted. */
export const mostCounted = 10_000
/** No more missed ticks than these are caught up with. */
export const mostCaughtUp = 1_000
/** To find a tick of a cron pattern takes 40 µs: other things must run in between. */
const countedAtOnce = 100

/** @throws DEFINITION_INVALID */
export function ticksOf({ name, timeTable }: Pick<Schedule, 'name' | 'timeTable'>): Ticks {
  return 'everyMs' in timeTable ? everyTicks(timeTable.everyMs) : cronTicks(name, timeTable.cron, timeTable.timeZone)
}

function everyTicks(everyMs: number): Ticks {
  const upTo = (time: number) => Math.floor(time / everyMs)
  return {
    text: `every ${everyMs} ms`,
    next: (after) => (upTo(after) + 1) * everyMs,
    latest: (until, most) => Array.from({ length: most }, (_, index) => (upTo(until) - most + 1 + index) * everyMs),
    count: async (from, until) => Math.min(mostCounted, upTo(until) - Math.ceil(from / everyMs) + 1),
  }
}

function cronTicks(name: string, pattern: string, timeZone: string): Ticks {
  const cron = parseCron(name, pattern, timeZone)
  const next = (after: number) => {
    const found = cron.nextRun(new Date(after))
    // A pattern may end: 31 December 2099 in its seventh field, which is refused; else there is always a next one.
    return found ? found.getTime() : Number.MAX_SAFE_INTEGER
  }
  return {
    text: `${pattern} (${timeZone})`,
    next,
    // Up to a time and without it; cron's ticks are whole seconds.
    latest: (until, most) =>
      cron
        .previousRuns(most, new Date(until + 1))
        .map((tick) => tick.getTime())
        .reverse(),
    count: async (from, until) => {
      let counted = 0
      for (let tick = next(from - 1); tick <= until && counted < mostCounted; tick = next(tick)) {
        counted += 1
        if (counted % countedAtOnce === 0) await setImmediate()
      }
      return counted
    },
  }
}

function parseCron(name: string, pattern: string, timezone: string): Cron {
  let problem = `cron "${pattern}" never ticks`
  try {
    // The library also takes a single point of time.
    if (!/^(?:@\w+|\S+(?: \S+){4,5})$/.test(pattern)) throw new Error('five or six fields are needed')
    const cron = new Cron(pattern, { timezone, paused: true })
    if (cron.nextRun()) return cron
  } catch (error) {
    problem = `cron "${pattern}" in time zone "${timezone}": ${messageOf(error)}`
  }
  throw fail('DEFINITION_INVALID', { what: `Schedule "${name}"`, problem })
}

/** Which tick runs, of those that are overdue. */
export interface ChosenTick {
  readonly tick: number
  /** How many before it are left out. */
  readonly skipped: number
  /** The tick after it. It may be overdue as well. */
  readonly next: number
}

/** Chooses among the ticks from the one that is due up to now. */
export async function chooseTick(ticks: Ticks, missed: MissedTicks, due: number, now: number): Promise<ChosenTick> {
  const kept = missed === 'skip' ? 1 : mostCaughtUp
  const overdue = await ticks.count(due, now)
  const skipped = Math.max(0, overdue - kept)
  const tick = skipped === 0 ? due : (ticks.latest(now, kept)[0] ?? due)
  return { tick, skipped, next: ticks.next(tick) }
}
