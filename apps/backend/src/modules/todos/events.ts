import { defineTopic } from 'millrace'
import { protobuf } from 'millrace/protobuf'
import { TodoSchema } from './generated/todo_pb.ts'

/**
 * Todos as plain Protobuf messages, which other programs write and read as well. Every record on it is a todo: without
 * CloudEvents headers it is one from elsewhere.
 */
export const todos2 = defineTopic('todos2', {
  format: protobuf(),
  publish: 'direct',
  events: { TodoCreated: TodoSchema },
  key: ({ data }) => String(data.id),
})

/** A todo was created; its data is the todo. */
export const { TodoCreated } = todos2.events
