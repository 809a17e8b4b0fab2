import * as z from 'zod'
import { filledText } from '../../storable-text.ts'

/** The largest id: the message's field is an int32. */
export const largestId = 2_147_483_647

const id = z
  .int()
  .min(1, `must be from 1 to ${largestId}`)
  .max(largestId, `must be from 1 to ${largestId}`)
  .describe('Given by the system where it is left out')

const content = filledText(10_000)

/** What a todo is, on every way into the system: HTTP and the topic. */
export const todo = z.object({ id, content })

/** A todo as a client sends it. */
export const newTodo = z.object({ id: id.nullish(), content })

/** One todo. */
export type Todo = z.output<typeof todo>
