import { defineTopic, type EventOf } from 'millrace'
import * as z from 'zod'
import type { StoredTask } from './store.ts'
import { instant, taskChange, taskFields, taskId, userId, wholeTask } from './task.ts'
import { onWire, typeOnWire } from './wire.ts'

/** What every event has: which task, and from here also whose it is and the version that it was then in. */
const about = {
  id: taskId,
  user_id: userId.optional(),
  task_version: z.int().min(1).max(2_147_483_647).optional(),
}

/**
 * What happens to tasks, in order for each task. Other programs write to it as well: their records have no CloudEvents
 * headers, and no version.
 */
export const taskEvents = defineTopic('task-events', {
  key: ({ data }) => (data as { readonly id: string }).id,
  typeOf: typeOnWire,
  events: {
    task_created: onWire('task_created', z.object({ ...about, ...wholeTask.shape, user_id: userId })),
    task_updated: onWire('task_updated', z.object({ ...about, ...taskChange.shape })),
    task_completed: onWire(
      'task_completed',
      z.object({
        ...about,
        title: taskFields.shape.title.optional(),
        completed: z.literal(true).default(true),
        completed_at: instant.nullish(),
      }),
    ),
    task_deleted: onWire('task_deleted', z.object(about)),
    task_priority_changed: onWire('task_priority_changed', z.object({ ...about, priority: taskFields.shape.priority })),
    task_due_soon: onWire(
      'task_due_soon',
      z.object({ ...about, title: taskFields.shape.title.optional(), due_date: instant.nullish() }),
    ),
  },
})

export const { task_created, task_updated, task_completed, task_deleted, task_priority_changed, task_due_soon } =
  taskEvents.events

/** Internal: reminders that are due. They are no facts yet: of a task that was done or moved meanwhile, nobody is reminded. */
export const reminders = defineTopic('tasks.reminders', {
  broker: 'postgres',
  key: ({ data }) => data.id,
  events: { ReminderDue: z.object({ id: taskId, due_date: instant }) },
})

/** Somebody is to be reminded of a task’s due date; published by a timer. */
export const { ReminderDue } = reminders.events

/** Any event of a task. */
export type TaskEvent = EventOf<typeof taskEvents>

/** A task was created. */
export function taskCreated(task: StoredTask) {
  return task_created({ ...identityOf(task), user_id: task.userId, ...fieldsOf(task) })
}

/** Its fields were changed; all are told. */
export function taskUpdated(task: StoredTask) {
  return task_updated({ ...identityOf(task), ...fieldsOf(task) })
}

/** It is done. */
export function taskCompleted(task: StoredTask) {
  const { title, completedAt } = task
  return task_completed({ ...identityOf(task), title, completed: true, completed_at: completedAt?.toISOString() })
}

/** It is no more. */
export function taskDeleted(task: StoredTask) {
  return task_deleted(identityOf(task))
}

/** It is more, or less, pressing. */
export function taskPriorityChanged(task: StoredTask) {
  return task_priority_changed({ ...identityOf(task), priority: task.priority })
}

/** It will be due, which changes nothing of it. */
export function taskDueSoon(task: StoredTask) {
  return task_due_soon({ ...identityOf(task), title: task.title, due_date: task.dueDate?.toISOString() })
}

function identityOf({ id, userId, version }: StoredTask) {
  return { id, user_id: userId, task_version: version }
}

function fieldsOf({ title, description, priority, dueDate }: StoredTask) {
  return { title, description, priority, due_date: dueDate?.toISOString() ?? null }
}
