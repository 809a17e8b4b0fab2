// A client takes the types of this file, and of what it imports: schemas alone.
import { defineChannel } from 'millrace'
import * as z from 'zod'
import { task, taskId, version } from './task.ts'

/** What happened, and the task as it is after it. */
function update<const Type extends string>(type: Type) {
  return z.object({ type: z.literal(type), data: task })
}

/** What happens to the tasks of a user, whoever did it: one message for each change, with the task as the API answers it. */
export const taskUpdates = defineChannel('tasks', {
  message: z.discriminatedUnion('type', [
    update('task_created'),
    update('task_updated'),
    update('task_completed'),
    update('task_priority_changed'),
    update('task_due_soon'),
    z.object({ type: z.literal('task_deleted'), data: z.object({ id: taskId, version }) }),
  ]),
  audience: (user) => user.id,
})
