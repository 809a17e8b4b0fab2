import { type Consumer, defineConsumer, type EventOf } from 'millrace'
import { readClock } from '../../clock.ts'
import { taskEvents } from '../tasks/events.ts'
import { addNotification } from './commands.ts'

type DueSoon = EventOf<typeof taskEvents, 'task_due_soon'>

/**
 * Notifies users of tasks that are due soon: of each due date once, however often the event comes, and not of one that has
 * passed by then. What other programs say of due dates has no version, and may be of a task that is done: it is left.
 *
 * In batches, as most events of the topic are others, and are left together.
 */
export const notifyOfDueTasks: Consumer = defineConsumer({
  name: 'notifications-due-tasks',
  topic: taskEvents,
  batch: {
    handle: async (events, unit) => {
      const raised = events.filter((event): event is DueSoon => event.type === 'task_due_soon').filter(isOwn)
      if (raised.length === 0) return
      const now = await readClock(unit.db)
      for (const { data } of raised) {
        const { id, user_id, title, due_date } = data
        if (!user_id || !due_date || new Date(due_date) <= now) continue
        const asked = { user_id, event: 'task_due_soon', content: `“${title ?? id}” is due on ${inWords(due_date)}.` }
        await addNotification(unit, asked, `tasks/${id}/due-soon/${due_date}`)
      }
    },
  },
})

function isOwn({ data }: DueSoon): boolean {
  return data.task_version !== undefined
}

/** In UTC: where the user is, nobody knows. */
function inWords(time: string): string {
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' at ')} UTC`
}
