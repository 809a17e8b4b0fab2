import type { TaskPage } from '@millrace/backend/src/modules/tasks/task.ts'
import type { LiveSource } from 'millrace/client'
import type { Api } from '../../data/api.ts'
import { apply, type Board, boardOf, type TaskMessage } from './board.ts'

/** Most that a request is answered with. */
const pageSize = 1_000
/** Most that is loaded: more than anybody goes through, and a second's work. */
const most = 5_000

/** The tasks of the user, and what changes them. */
export function taskSource(api: Api): LiveSource<TaskMessage, Board> {
  return { load: (signal) => load(api, signal), apply }
}

/**
 * Page after page, with the first one's position: later pages may have what its updates tell once more, which versions take
 * care of.
 */
async function load(api: Api, signal: AbortSignal): Promise<{ readonly data: Board; readonly at: string }> {
  const since = performance.now()
  const page = (after?: string) => api.get<TaskPage>('/api/tasks', { query: { limit: pageSize, after }, signal })
  const { at, items, next: more } = await page()
  const all = [...items]
  let next = more
  while (next !== null && all.length < most) {
    const following = await page(next)
    all.push(...following.items)
    next = following.next
  }
  return { data: boardOf(all, { isWhole: next === null, since }), at }
}
