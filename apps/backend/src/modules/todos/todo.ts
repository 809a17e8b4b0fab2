import * as z from 'zod'

/** The largest id: the message's field is an int32. */
export const largestId = 2_147_483_647

/** The longest content, in UTF-16 units, as JavaScript and JSON Schema count. */
const longestContent = 10_000

const id = z
  .int()
  .min(1, `must be from 1 to ${largestId}`)
  .max(largestId, `must be from 1 to ${largestId}`)
  .describe('Given by the system where it is left out')

const content = z
  .string()
  .min(1, 'must not be empty')
  .max(longestContent, `must not be longer than ${longestContent} characters`)
  .refine((text) => !text.includes('\0'), 'must not have NUL characters, which PostgreSQL cannot hold')
  .refine((text) => text.isWellFormed(), 'must be well-formed Unicode, without lone surrogates')

/** What a todo is, on every way into the system: HTTP and the topic. */
export const todo = z.object({ id, content })

/** A todo as a client sends it. */
export const newTodo = z.object({ id: id.nullish(), content })

/** One todo. */
export type Todo = z.output<typeof todo>
