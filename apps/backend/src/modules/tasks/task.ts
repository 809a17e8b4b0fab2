import * as z from 'zod'
import { filledText, storableText } from '../../storable-text.ts'

/** How pressing a task is. */
export const priorities = ['low', 'medium', 'high'] as const

/** The first time that is taken, in milliseconds since 1970. */
export const earliest: number = Date.UTC(1970, 0, 1)

/** The last one: beyond it, times have no longer four digits for the year. */
export const latest: number = Date.UTC(9999, 0, 1)

/** A time as it is sent and answered: ISO 8601 with its offset, or `Z`. */
export const instant = z.iso
  .datetime({ offset: true, error: 'must be a time such as 2026-03-01T12:00:00Z' })
  .refine((text) => Date.parse(text) >= earliest && Date.parse(text) <= latest, 'must be of the years 1970 to 9998')

/** What identifies a task: a UUID where it was made here; other programs have ids of their own. Paths take no longer one. */
export const taskId = filledText(100)

/** Whose a task is. */
export const userId = filledText(200)

/** What a user says of a task. */
export const taskFields = z.object({
  title: filledText(500),
  description: storableText(10_000).nullable(),
  priority: z.enum(priorities),
  due_date: instant.nullable(),
})

/** What a user says of a task. */
export type TaskFields = z.output<typeof taskFields>

/** What is to change of a task; what is left out stays. */
export const taskChange = z.strictObject(taskFields.partial().shape)

/** What is to change of a task. */
export type TaskChange = z.output<typeof taskChange>

/** A new task, or a task anew: what is left out has its default. */
export const wholeTask = taskFields.extend({
  description: taskFields.shape.description.default(null),
  priority: taskFields.shape.priority.default('medium'),
  due_date: taskFields.shape.due_date.default(null),
})

/** How often a task was changed, and one. */
export const version = z.int().describe('Grows with each change')

/** A task as it is answered. */
export const task = z.object({
  id: taskId,
  user_id: userId,
  ...taskFields.shape,
  completed: z.boolean(),
  completed_at: instant.nullable(),
  version,
  created_at: instant,
  updated_at: instant,
})

/** One task. */
export type Task = z.output<typeof task>

/** A page of tasks as it is answered. */
export const taskPage = z.object({
  items: z.array(task),
  next: z.string().nullable().describe('The `after` of the next page; null: this is the last one'),
  at: z.string().describe('Where `/ws/tasks` goes on from behind this answer (`resume`)'),
})

/** A page of tasks. */
export type TaskPage = z.output<typeof taskPage>
