import { defineModule } from 'millrace'
import { writeTodos } from './consumers.ts'
import { todos2 } from './events.ts'
import { todoRoutes } from './http.ts'

/** Todos: taken over HTTP or from the topic `todos2`, kept in PostgreSQL. */
export const todos = defineModule({
  name: 'todos',
  topics: [todos2],
  consumers: (millrace) => [writeTodos(millrace)],
  routes: todoRoutes,
  migrations: new URL('./migrations/', import.meta.url),
})
