import { type Duration, defineModule, defineRoutes, defineSchedule, type Module, milliseconds } from 'millrace'
import { addLoginRoutes, type LoginOptions } from './auth/http.ts'
import { purgeSessions } from './auth/sessions.ts'
import { taskUpdates } from './channels.ts'
import { TaskCommands } from './commands.ts'
import { remindUsers, writeTaskEvents } from './consumers.ts'
import { reminders, taskEvents } from './events.ts'
import { addTaskRoutes } from './http.ts'

/** Settings of the module. */
export interface TasksOptions {
  /** How long ahead of its due date a task is due soon. */
  readonly dueSoonBefore: Duration
  /** Undefined where users log in elsewhere, at the issuer of the tokens. */
  readonly login?: LoginOptions | undefined
}

const purge = defineSchedule('tasks-purge-sessions', { every: '1h', run: (unit) => purgeSessions(unit.db) })

/** Tasks: of users over HTTP, and of other programs from the topic `task-events`. */
export function tasks({ dueSoonBefore, login }: TasksOptions): Module {
  const beforeMs = milliseconds(dueSoonBefore)
  return defineModule({
    name: 'tasks',
    prefix: '/api',
    topics: [taskEvents, reminders],
    consumers: (millrace) => [writeTaskEvents(millrace, beforeMs), remindUsers],
    channels: [taskUpdates],
    // Also in workers, which know nothing of logins.
    schedules: [purge],
    routes: defineRoutes((route, millrace) => {
      if (login) route.register(async (route) => addLoginRoutes(route, millrace, login))
      addTaskRoutes(route, millrace, new TaskCommands(beforeMs))
    }),
    migrations: new URL('./migrations/', import.meta.url),
  })
}
