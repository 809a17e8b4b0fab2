import type { Task } from '@millrace/backend/src/modules/tasks/task.ts'

/** How pressing a task is. */
export type Priority = Task['priority']

/** Which tasks are shown, as the page's address has it. */
export interface TaskFilter {
  /** @default the open ones */
  readonly show?: 'completed' | 'all'
  /** @default any */
  readonly priority?: Priority
}

const names = { low: 'Low', medium: 'Medium', high: 'High' } as const satisfies Record<Priority, string>

/** Priorities with their names, the most pressing first. */
export const priorities = (['high', 'medium', 'low'] as const).map((value) => ({ value, label: names[value] }))

/** A priority's name. */
export function priorityName(priority: Priority): string {
  return names[priority]
}

/** Reads a filter from an address; what is none there is left out. */
export function filterOf({ show, priority }: Record<string, unknown>): TaskFilter {
  const found = priorities.find(({ value }) => value === priority)
  return {
    ...((show === 'completed' || show === 'all') && { show }),
    ...(found && { priority: found.value }),
  }
}

/** Whether a task is one of those asked for. */
export function fits({ completed, priority }: Task, filter: TaskFilter): boolean {
  if (filter.priority && filter.priority !== priority) return false
  return filter.show === 'all' || completed === (filter.show === 'completed')
}
