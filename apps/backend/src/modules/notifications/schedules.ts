import { type Duration, defineSchedule, type Millrace, milliseconds, type Schedule } from 'millrace'
import { sweep } from './rounds.ts'
import { removeSent, takeStatistics } from './upkeep.ts'

/** Most rows that one tick deletes: the transaction stays short, and at four ticks an hour it is a million a day. */
const mostRemoved = 10_000

/** Options of {@link notificationSchedules}. */
export interface ScheduleSettings {
  readonly sendEvery: Duration
  /** How long those that were sent are kept. */
  readonly keepSent: Duration
}

/** Sending what arrivals have not woken the sender for; counting; cleaning up. Each tick runs once in the fleet. */
export function notificationSchedules(millrace: Millrace, { sendEvery, keepSent }: ScheduleSettings): Schedule[] {
  const countRemoved = millrace.count('notifications_removed', 'Notifications deleted some time after they were sent')
  return [
    defineSchedule('notifications-send', { every: sendEvery, run: sweep }),
    defineSchedule('notifications-statistics', { every: '5m', run: ({ db }) => takeStatistics(db) }),
    defineSchedule('notifications-cleanup', {
      every: '15m',
      run: async (unit) => {
        const removed = await removeSent(unit.db, milliseconds(keepSent), mostRemoved)
        unit.afterCommit(() => countRemoved(removed))
      },
    }),
  ]
}
