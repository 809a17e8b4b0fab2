import type { MigrationSet } from '../migrate/index.ts'

export type { ScheduleMetrics, TimerMetrics } from './metrics.ts'
export { listSchedules, requestRun, type ScheduleState } from './schedule-operations.ts'
export { Schedules, type SchedulesOptions, schedulesChannel } from './schedules.ts'
export { ticksOf } from './ticks.ts'
export { writeTimers } from './timer-changes.ts'
export { countTimers, type TimerState } from './timer-state.ts'
export { Timers, type TimersOptions, type TimersStatus, timersChannel } from './timers.ts'

/** The tables of time: the clock, timers, and schedules. */
export const timeMigrations: MigrationSet = { owner: 'time', folder: new URL('./migrations/', import.meta.url) }
