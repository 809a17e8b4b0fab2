import type { ScheduleItem, TimeSource } from '../http/index.ts'
import type { Database } from '../ports/database.ts'
import { countTimers, listSchedules, requestRun, type ScheduleState } from '../time/index.ts'
import { paged } from './paged.ts'

/** What operators ask about time; `defined` are the schedules of this app. */
export function timeSource(database: Database, defined: ReadonlySet<string>): TimeSource {
  return {
    schedules: async ({ after = '', limit }) => {
      const states = await listSchedules(database, after, limit + 1)
      const items = states.map((state) => scheduleItem(state, defined.has(state.name)))
      return paged(items, limit, ({ name }) => name)
    },
    runSchedule: async (name) => {
      await requestRun(database, name)
      return { name, requested: true }
    },
    timers: async () => {
      const { isExact, oldestLateMs, ...state } = await countTimers(database)
      return { ...state, exact: isExact, oldestLateMs: Math.round(oldestLateMs) }
    },
  }
}

function scheduleItem({ isRequested, lastRunMs, ...state }: ScheduleState, defined: boolean): ScheduleItem {
  return {
    ...state,
    defined,
    requested: isRequested,
    dueAt: state.dueAt.toISOString(),
    retryAt: iso(state.retryAt),
    lastTickAt: iso(state.lastTickAt),
    lastRunAt: iso(state.lastRunAt),
    lastDurationMs: lastRunMs,
    lastErrorAt: iso(state.lastErrorAt),
  }
}

function iso(time: Date | null): string | null {
  return time?.toISOString() ?? null
}
