import type { Unit } from 'millrace'
import { ReminderDue } from './events.ts'
import type { StoredTask } from './store.ts'

/** The timer’s name, within its task. */
const timer = 'reminder'

/** When reminders come. */
export interface ReminderOptions {
  /** How long ahead of the due date. */
  readonly beforeMs: number
  /** What time it is for all that is stored. */
  readonly now: Date
}

/**
 * Has a reminder come ahead of a task’s due date: sets the timer, moves it with the due date, and cancels it when the task is
 * done or no more. Of a due date that is past already nobody is reminded.
 */
export function keepReminder(
  unit: Unit,
  { before, after }: { readonly before: StoredTask | undefined; readonly after: StoredTask },
  { beforeMs, now }: ReminderOptions,
): void {
  const dueBefore = before && dueOf(before)
  const due = dueOf(after)
  if (due?.getTime() === dueBefore?.getTime()) return
  if (due && due > now) {
    const reminder = ReminderDue({ id: after.id, due_date: due.toISOString() })
    unit.publishAfter(new Date(due.getTime() - beforeMs), reminder, { name: timer })
  } else if (dueBefore) unit.cancel(ReminderDue, after.id, timer)
}

/** When an open task is due. */
function dueOf({ dueDate, completedAt, deletedAt }: StoredTask): Date | undefined {
  return completedAt || deletedAt ? undefined : (dueDate ?? undefined)
}
