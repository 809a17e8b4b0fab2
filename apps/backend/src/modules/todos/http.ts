import { defineRoutes } from 'millrace'
import * as z from 'zod'
import { TodoCreated } from './events.ts'
import { TodoIds } from './ids.ts'
import { listTodos } from './store.ts'
import { newTodo, todo } from './todo.ts'

const page = z.object({
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  offset: z.coerce.number().int().min(0).max(2_147_483_647).default(0),
})

const create = {
  summary: 'Create a todo',
  description: 'Answered when the broker has it; it is in the list once the consumer has written it.',
  body: newTodo,
  response: { 200: todo },
}

const list = { summary: 'List todos by id', querystring: page, response: { 200: z.array(todo) } }

/** `POST /todos/` and `GET /todos/`. */
export const todoRoutes = defineRoutes((route, millrace) => {
  const ids = new TodoIds()

  route.post('/', { schema: create }, async ({ body: { id: chosen, content } }) => {
    // Noted before the event is out, so that the same id is not given to somebody else meanwhile.
    if (chosen) ids.choose(chosen)
    const id = chosen ?? (await ids.next(millrace.db))
    await millrace.publish(TodoCreated({ id, content }))
    return { id, content }
  })

  route.get('/', { schema: list }, async ({ query }) => listTodos(millrace.db, query))
})
