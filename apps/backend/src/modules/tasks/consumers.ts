import { type Consumer, defineConsumer, type Millrace } from 'millrace'
import { afterEvent } from './changes.ts'
import { keepDueSoon } from './due-soon.ts'
import { type TaskEvent, taskEvents } from './events.ts'
import { lockTasks, readClock, type StoredTask, writeTasks } from './store.ts'

/**
 * Writes what other programs say of tasks. What the API has written is known already: of those events nothing comes but
 * the look whether it is so, one for a whole chunk.
 */
export function writeTaskEvents(millrace: Millrace, beforeMs: number): Consumer {
  const countUnknown = millrace.count('task_events_unknown', 'Events of tasks that do not exist, which changed nothing')
  return defineConsumer({
    name: 'tasks',
    topic: taskEvents,
    batch: {
      handle: async (events, unit) => {
        const before = await lockTasks(unit.db, [...new Set(events.map(({ data }) => data.id))])
        const { after, unknown } = fold(before, events)
        const changed = [...after.values()].filter((task) => before.get(task.id) !== task)
        if (unknown > 0) unit.afterCommit(() => countUnknown(unknown))
        if (changed.length === 0) return
        const [now] = await Promise.all([readClock(unit.db), writeTasks(unit.db, changed)])
        for (const task of changed) keepDueSoon(unit, { before: before.get(task.id), after: task }, { beforeMs, now })
      },
    },
  })
}

function fold(before: ReadonlyMap<string, StoredTask>, events: readonly TaskEvent[]) {
  const after = new Map(before)
  let unknown = 0
  for (const event of events) {
    const task = afterEvent(after.get(event.data.id), event)
    if (task) after.set(task.id, task)
    else unknown += 1
  }
  return { after, unknown }
}
