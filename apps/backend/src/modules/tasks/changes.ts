import type { TaskEvent } from './events.ts'
import { asDueDate, type StoredTask } from './store.ts'
import { earliest, latest, type TaskChange } from './task.ts'

/**
 * How much the clocks of other programs may differ. A lower offset that is later by more than this is of a topic that was
 * made anew, and began its offsets again.
 */
const mostSkewMs = 3_600_000

/** A task with other fields; the same one where nothing differs. */
export function edited(task: StoredTask, { due_date, ...fields }: TaskChange, at: Date): StoredTask {
  const dueDate = due_date === undefined ? undefined : asDueDate(due_date)
  const changes = Object.entries({ ...fields, dueDate }).filter(
    ([name, value]) => value !== undefined && !same(task[name as keyof StoredTask], value),
  )
  return changes.length === 0 ? task : next(task, Object.fromEntries(changes), at)
}

/** A task that is done; the same one where it was before. */
export function completed(task: StoredTask, completedAt: Date, at = completedAt): StoredTask {
  return task.completedAt ? task : next(task, { completedAt }, at)
}

/**
 * A task whose user is reminded of a due date; undefined where that is not its due date any more, it is done, or he has been
 * reminded of it.
 */
export function reminded(task: StoredTask, dueDate: Date): StoredTask | undefined {
  const isDue = !task.completedAt && !task.deletedAt && same(task.dueDate, dueDate)
  return isDue && !same(task.remindedOf, dueDate) ? { ...task, remindedOf: dueDate } : undefined
}

/**
 * What has happened to a task between two states, as its user sees it: one thing, of which the later state tells the rest.
 * Undefined where he sees no difference.
 */
export function changeBetween(before: StoredTask | undefined, after: StoredTask): VisibleChange | undefined {
  if (!before) return 'task_created'
  if (before.version === after.version) return undefined
  if (after.deletedAt) return 'task_deleted'
  if (after.completedAt && !before.completedAt) return 'task_completed'
  const isPriorityAlone = before.priority !== after.priority && !isAboutMoreThanPriority(before, after)
  return isPriorityAlone ? 'task_priority_changed' : 'task_updated'
}

type VisibleChange = Exclude<TaskEvent['type'], 'task_due_soon'>

/** Whether another field than the priority differs, of those that a user writes. */
export function isAboutMoreThanPriority(before: StoredTask, after: StoredTask): boolean {
  const fields = ['title', 'description', 'dueDate'] as const
  return fields.some((name) => !same(before[name], after[name]))
}

/** What stays of a task, for good: that it was there. */
export function deleted(task: StoredTask, at: Date): StoredTask {
  return next(task, { title: '', description: null, dueDate: null, deletedAt: at }, at)
}

/**
 * A task after one of its events; the same one where the event tells nothing new: it comes from here and is not newer than
 * the task, or was applied before. So reading the topic again, however late, changes nothing, and a tombstone stays.
 *
 * @returns undefined where there is no such task
 */
export function afterEvent(task: StoredTask | undefined, event: TaskEvent): StoredTask | undefined {
  if (!task) return event.type === 'task_created' ? marked(createdBy(event), event) : undefined
  if (task.deletedAt || event.type === 'task_created' || isKnown(task, event)) return task
  // Remembered also where it has changed nothing this time: after a later change it would.
  return marked(changedBy(task, event), event)
}

type Created = Extract<TaskEvent, { type: 'task_created' }>
type Change = Exclude<TaskEvent, Created>

function createdBy(event: Created): StoredTask {
  const { data } = event
  const time = timeOf(event)
  const { id, user_id: userId, title, description, priority, due_date } = data
  const fields = { id, userId, title, description, priority, dueDate: asDueDate(due_date) }
  const nothingYet = {
    completedAt: null,
    deletedAt: null,
    remindedOf: null,
    foreignPartition: null,
    foreignOffset: null,
    foreignAt: null,
  }
  return { ...fields, ...nothingYet, version: 1, createdAt: time, updatedAt: time }
}

function changedBy(task: StoredTask, event: Change): StoredTask {
  const { type, data } = event
  const time = timeOf(event)
  switch (type) {
    case 'task_updated': {
      const { title, description, priority, due_date } = data
      return edited(task, { title, description, priority, due_date }, time)
    }
    case 'task_priority_changed':
      return edited(task, { priority: data.priority }, time)
    case 'task_completed':
      return completed(task, data.completed_at ? new Date(data.completed_at) : time, time)
    case 'task_deleted':
      return deleted(task, time)
    case 'task_due_soon':
      return task
  }
}

/** Events from here say which version they made; of those from elsewhere the task knows the last one that changed it. */
function isKnown(task: StoredTask, event: TaskEvent): boolean {
  const { type, data, partition, offset } = event
  if (data.task_version !== undefined) return type === 'task_due_soon' || data.task_version <= task.version
  if (task.foreignAt === null || task.foreignOffset === null) return false
  const laterMs = timeOf(event).getTime() - task.foreignAt.getTime()
  return partition === task.foreignPartition ? offset <= task.foreignOffset && laterMs <= mostSkewMs : laterMs <= 0
}

function marked(task: StoredTask, event: TaskEvent): StoredTask {
  const { data, partition, offset } = event
  if (data.task_version !== undefined) return { ...task, version: data.task_version }
  const time = timeOf(event)
  const foreignAt = task.foreignAt && task.foreignAt > time ? task.foreignAt : time
  return { ...task, foreignPartition: partition, foreignOffset: offset, foreignAt }
}

/** When it happened, as its producer says; a time that nobody can mean is taken for the nearest that can be told. */
function timeOf({ time }: TaskEvent): Date {
  return new Date(Math.min(Math.max(time.getTime(), earliest), latest))
}

function next(task: StoredTask, changes: Partial<StoredTask>, updatedAt: Date): StoredTask {
  return { ...task, ...changes, version: task.version + 1, updatedAt }
}

function same(one: unknown, other: unknown): boolean {
  return one instanceof Date && other instanceof Date ? one.getTime() === other.getTime() : one === other
}
