import { defineModule, defineRoutes, defineTopic, type Module } from 'millrace'
import * as z from 'zod'
import type { Round } from '../harness/definition.ts'
import { kafkaOf, partitions } from './kafka.ts'

/** A todo as a client sends it. */
export const newTodo = z.object({ content: z.string().min(1).max(10_000) })

/** A todo as the route answers it, and as it is published. */
export const todo = newTodo.extend({ id: z.int() })

/** The topic that a round's todos are published to. */
export function todosTopic(round: Round) {
  return defineTopic(`${kafkaOf(round).fresh}bench.todos`, {
    key: ({ data }) => String(data.id),
    events: { TodoCreated: todo },
    publish: 'direct',
    partitions,
  })
}

/** Todos as apps/backend has them, but for the consumer, and for ids from the database. */
export function todosModule(topic: ReturnType<typeof todosTopic>): Module {
  let lastId = 0
  return defineModule({
    name: 'todos',
    topics: [topic],
    routes: defineRoutes((route, millrace) => {
      route.post('/', { schema: { body: newTodo, response: { 200: todo } } }, async ({ body: { content } }) => {
        lastId += 1
        const created = { id: lastId, content }
        await millrace.publish(topic.events.TodoCreated(created))
        return created
      })
    }),
  })
}
