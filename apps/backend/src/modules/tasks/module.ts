import { defineModule, defineRoutes, defineSchedule, type Module } from 'millrace'
import { addLoginRoutes, type LoginOptions } from './auth/http.ts'
import { purgeSessions } from './auth/sessions.ts'

/** Settings of the module. */
export interface TasksOptions {
  /** Undefined where users log in elsewhere, at the issuer of the tokens. */
  readonly login?: LoginOptions | undefined
}

const purge = defineSchedule('tasks-purge-sessions', { every: '1h', run: (unit) => purgeSessions(unit.db) })

/** Tasks of users, who log in to see them. */
export function tasks({ login }: TasksOptions): Module {
  return defineModule({
    name: 'tasks',
    prefix: '/api',
    schedules: login ? [purge] : [],
    routes: defineRoutes((route, millrace) => {
      if (login) route.register(async (route) => addLoginRoutes(route, millrace, login))
    }),
    migrations: new URL('./migrations/', import.meta.url),
  })
}
