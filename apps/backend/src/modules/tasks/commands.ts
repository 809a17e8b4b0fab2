import { randomUUID } from 'node:crypto'
import type { Unit } from 'millrace'
import { readClock } from '../../clock.ts'
import { existing } from '../../existing.ts'
import { completed, deleted, edited, isAboutMoreThanPriority } from './changes.ts'
import { taskCompleted, taskCreated, taskDeleted, taskPriorityChanged, taskUpdated } from './events.ts'
import { keepReminder } from './reminders.ts'
import { insertTask, lockTasks, type StoredTask, writeTasks } from './store.ts'
import type { TaskChange, TaskFields } from './task.ts'
import { pushChange } from './updates.ts'

/** Which task, and who wants something of it. */
export interface Asked {
  readonly id: string
  readonly userId: string
}

/** What a user does to tasks: the row, its event, its timer, and what browsers are told, in one unit. */
export class TaskCommands {
  readonly #beforeMs: number

  /** @param beforeMs how long ahead of its due date a task is due soon */
  constructor(beforeMs: number) {
    this.#beforeMs = beforeMs
  }

  /** Creates a task of a user. */
  async create(unit: Unit, userId: string, fields: TaskFields): Promise<StoredTask> {
    const task = await insertTask(unit.db, { id: randomUUID(), userId }, fields)
    unit.publish(taskCreated(task))
    pushChange(unit, undefined, task)
    keepReminder(unit, { before: undefined, after: task }, { beforeMs: this.#beforeMs, now: task.createdAt })
    return task
  }

  /** @throws NOT_FOUND */
  change(unit: Unit, asked: Asked, fields: TaskChange): Promise<StoredTask> {
    return this.#change(unit, asked, (before, now) => {
      const after = edited(before, fields, now)
      // Of a change of more than the priority, all is told by the first.
      if (isAboutMoreThanPriority(before, after)) unit.publish(taskUpdated(after))
      if (after.priority !== before.priority) unit.publish(taskPriorityChanged(after))
      return after
    })
  }

  /**
   * Completes a task; one that is completed stays as it is.
   *
   * @throws NOT_FOUND
   */
  complete(unit: Unit, asked: Asked): Promise<StoredTask> {
    return this.#change(unit, asked, (before, now) => {
      const after = completed(before, now)
      if (after !== before) unit.publish(taskCompleted(after))
      return after
    })
  }

  /** @throws NOT_FOUND */
  async remove(unit: Unit, asked: Asked): Promise<void> {
    await this.#change(unit, asked, (before, now) => {
      const after = deleted(before, now)
      unit.publish(taskDeleted(after))
      return after
    })
  }

  async #change(
    unit: Unit,
    { id, userId }: Asked,
    change: (before: StoredTask, now: Date) => StoredTask,
  ): Promise<StoredTask> {
    const [found, now] = await Promise.all([lockTasks(unit.db, [id]), readClock(unit.db)])
    // Others’ tasks are no tasks: that they exist is theirs to know.
    const before = existing(
      [...found.values()].find((task) => !task.deletedAt && task.userId === userId),
      'task',
      id,
    )
    const after = change(before, now)
    if (after === before) return before
    await writeTasks(unit.db, [after])
    pushChange(unit, before, after)
    keepReminder(unit, { before, after }, { beforeMs: this.#beforeMs, now })
    return after
  }
}
