import { defineModule, defineSchedule, type Module } from '../../src/index.ts'

/** How often the schedule of {@link ticker} ticks, in milliseconds. */
export const tickMs = 100

/** A module whose schedule leaves a row for each tick, and publishes nothing. */
export function ticker(): Module {
  const schedule = defineSchedule('tick', {
    every: tickMs,
    missed: 'catch-up',
    run: async (unit, { scheduledAt }) => {
      await unit.db.query('INSERT INTO tick (at, pid) VALUES ($1, $2)', [scheduledAt, process.pid])
      // So that most kills meet a run.
      await unit.db.query('SELECT pg_sleep(0.05)')
    },
  })
  return defineModule({ name: 'ticker', schedules: [schedule] })
}
