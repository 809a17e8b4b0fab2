import type { RouteServer } from '../routes.ts'
import {
  type SchedulePage,
  type ScheduleQuery,
  type ScheduleRequested,
  schedulePage,
  scheduleParams,
  scheduleQuery,
  scheduleRequested,
  type TimerAnswer,
  timerState,
} from './time-schemas.ts'

/** What operators ask about time, and have done. */
export interface TimeSource {
  schedules(query: ScheduleQuery): Promise<SchedulePage>
  /** @throws SCHEDULE_UNKNOWN */
  runSchedule(name: string): Promise<ScheduleRequested>
  timers(): Promise<TimerAnswer>
}

const common = { tags: ['admin'], security: [{ adminToken: [] }] }

/** Adds the operators' routes about schedules and timers. */
export function addTimeRoutes(server: RouteServer, source: TimeSource): void {
  server.get(
    '/schedules',
    {
      schema: {
        ...common,
        summary: 'Schedules, when they are due, and how they ran',
        querystring: scheduleQuery,
        response: { 200: schedulePage },
      },
    },
    (request) => source.schedules(request.query),
  )
  server.post(
    '/schedules/:name/run',
    {
      schema: {
        ...common,
        summary: 'Have a schedule run now, once in the fleet, beside its time-table',
        params: scheduleParams,
        response: { 202: scheduleRequested },
      },
    },
    async (request, reply) => reply.code(202).send(await source.runSchedule(request.params.name)),
  )
  server.get(
    '/timers',
    { schema: { ...common, summary: 'How many timers wait, and how late they are', response: { 200: timerState } } },
    () => source.timers(),
  )
}
