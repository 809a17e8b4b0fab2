import { type Consumer, defineConsumer, type Millrace } from 'millrace'
import { readClock } from '../../clock.ts'
import { afterEvent, reminded } from './changes.ts'
import { reminders, type TaskEvent, taskDueSoon, taskEvents } from './events.ts'
import { keepReminder } from './reminders.ts'
import { lockTasks, type StoredTask, writeTasks } from './store.ts'
import { pushChange, pushDueSoon } from './updates.ts'

/**
 * Writes what other programs say of tasks, and tells the browsers of their users. What the API has written is known already:
 * of those events nothing comes but the look whether it is so, one for a whole chunk.
 */
export function writeTaskEvents(millrace: Millrace, beforeMs: number): Consumer {
  const countUnknown = millrace.count('task_events_unknown', 'Events of tasks that do not exist, which changed nothing')
  return defineConsumer({
    name: 'tasks',
    topic: taskEvents,
    batch: {
      handle: async (events, unit) => {
        const stored = await lockTasks(unit.db, idsOf(events))
        const { steps, unknown } = fold(stored, events)
        if (unknown > 0) unit.afterCommit(() => countUnknown(unknown))
        if (steps.length === 0) return
        const changed = new Map(steps.map(({ after }) => [after.id, after]))
        const [now] = await Promise.all([readClock(unit.db), writeTasks(unit.db, [...changed.values()])])
        for (const [id, task] of changed) keepReminder(unit, { before: stored.get(id), after: task }, { beforeMs, now })
        for (const { before, after, event } of steps) {
          if (event.type !== 'task_due_soon') pushChange(unit, before, after)
          else if (!after.completedAt) pushDueSoon(unit, after)
        }
      },
    },
  })
}

/** Says of the tasks whose reminders are due that they are due soon: on the topic, and to the browsers of their users. */
export const remindUsers: Consumer = defineConsumer({
  name: 'tasks-reminders',
  topic: reminders,
  batch: {
    handle: async (events, unit) => {
      const tasks = await lockTasks(unit.db, idsOf(events))
      const changed = new Map<string, StoredTask>()
      for (const { data } of events) {
        const before = changed.get(data.id) ?? tasks.get(data.id)
        const after = before && reminded(before, new Date(data.due_date))
        if (!after) continue
        changed.set(after.id, after)
        unit.publish(taskDueSoon(after))
        pushDueSoon(unit, after)
      }
      await writeTasks(unit.db, [...changed.values()])
    },
  },
})

/** One event that told something new of a task. */
interface Step {
  readonly before: StoredTask | undefined
  readonly after: StoredTask
  readonly event: TaskEvent
}

function fold(stored: ReadonlyMap<string, StoredTask>, events: readonly TaskEvent[]) {
  const tasks = new Map(stored)
  const steps: Step[] = []
  let unknown = 0
  for (const event of events) {
    const before = tasks.get(event.data.id)
    const after = afterEvent(before, event)
    if (after && after !== before) {
      tasks.set(after.id, after)
      steps.push({ before, after, event })
    } else if (!after) unknown += 1
  }
  return { steps, unknown }
}

function idsOf(events: readonly { readonly data: { readonly id: string } }[]): string[] {
  return [...new Set(events.map(({ data }) => data.id))]
}
