import type { Task, TaskChange, TaskFields } from '@millrace/backend/src/modules/tasks/task.ts'
import { fromLocal, toLocal } from './due.ts'
import type { Priority } from './filter.ts'

/** A task as its form has it. */
export interface TaskValues {
  readonly title: string
  readonly description: string
  readonly priority: Priority
  /** Of a `datetime-local` field. */
  readonly due_date: string
}

/** A form of a task; of a new one where there is none. */
export function valuesOf(task: Task | undefined): TaskValues {
  return {
    title: task?.title ?? '',
    description: task?.description ?? '',
    priority: task?.priority ?? 'medium',
    due_date: toLocal(task?.due_date ?? null),
  }
}

/** What a form says of a task. */
export function fieldsOf({ title, description, priority, due_date }: TaskValues): TaskFields {
  const text = description.trim()
  return { title: title.trim(), description: text === '' ? null : text, priority, due_date: fromLocal(due_date) }
}

/** What was changed in a form: the rest may have been changed by somebody else meanwhile, and stays. */
export function changesOf(before: TaskValues, after: TaskValues): TaskChange {
  const fields = fieldsOf(after)
  const changed = (Object.keys(fields) as (keyof TaskFields)[]).filter((name) => before[name] !== after[name])
  return Object.fromEntries(changed.map((name) => [name, fields[name]]))
}
