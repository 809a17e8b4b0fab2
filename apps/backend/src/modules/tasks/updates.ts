import type { Unit } from 'millrace'
import { changeBetween } from './changes.ts'
import { taskUpdates } from './channels.ts'
import { asTask, type StoredTask } from './store.ts'

/** Tells the browsers of a task’s user what has become of it; nothing where he sees no difference. */
export function pushChange(unit: Unit, before: StoredTask | undefined, after: StoredTask): void {
  const { id, userId, version } = after
  const type = changeBetween(before, after)
  if (type === 'task_deleted') unit.push(taskUpdates, userId, { type, data: { id, version } })
  else if (type) unit.push(taskUpdates, userId, { type, data: asTask(after) })
}

/** Tells them that it is due soon. */
export function pushDueSoon(unit: Unit, task: StoredTask): void {
  unit.push(taskUpdates, task.userId, { type: 'task_due_soon', data: asTask(task) })
}
