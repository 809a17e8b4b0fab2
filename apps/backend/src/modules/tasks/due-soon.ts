import type { Unit } from 'millrace'
import { task_due_soon, taskDueSoon } from './events.ts'
import type { StoredTask } from './store.ts'

/** The timer’s name, within its task. */
const timer = 'due-soon'

/** How `task_due_soon` is raised. */
export interface DueSoonOptions {
  /** How long ahead of the due date. */
  readonly beforeMs: number
  /** What time it is for all that is stored. */
  readonly now: Date
}

/**
 * Has `task_due_soon` come ahead of a task’s due date, once for each: sets the timer, moves it with the due date, and cancels
 * it when the task is done or no more. A due date that is past already is not announced.
 */
export function keepDueSoon(
  unit: Unit,
  { before, after }: { readonly before: StoredTask | undefined; readonly after: StoredTask },
  { beforeMs, now }: DueSoonOptions,
): void {
  const dueBefore = before && dueOf(before)
  const due = dueOf(after)
  if (due?.getTime() === dueBefore?.getTime()) return
  if (due && due > now) unit.publishAfter(new Date(due.getTime() - beforeMs), taskDueSoon(after), { name: timer })
  else if (dueBefore) unit.cancel(task_due_soon, after.id, timer)
}

/** When an open task is due. */
function dueOf({ dueDate, completedAt, deletedAt }: StoredTask): Date | undefined {
  return completedAt || deletedAt ? undefined : (dueDate ?? undefined)
}
