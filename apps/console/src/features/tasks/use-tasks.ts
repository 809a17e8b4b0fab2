import type { Task, TaskChange, TaskFields } from '@millrace/backend/src/modules/tasks/task.ts'
import type { LiveStatus } from 'millrace/client'
import { useLive } from 'millrace/react'
import { useMemo, useState } from 'react'
import type { Api } from '../../data/api.ts'
import { useData } from '../../data/context.tsx'
import { RequestError } from '../../data/request.ts'
import { answered, asked, type Board, nothingDone, type Own, seen, settled } from './board.ts'
import { taskSource } from './source.ts'

/** What can be done to tasks. All of it is seen at once; what fails is undone, and thrown. */
export interface TaskActions {
  create(fields: TaskFields): Promise<void>
  change(id: string, fields: TaskChange): Promise<void>
  complete(id: string): Promise<void>
  remove(id: string): Promise<void>
}

/** The tasks of the user, as they are now. */
export interface LiveTasks {
  readonly status: LiveStatus
  /** The latest first; undefined until they are loaded. */
  readonly tasks: readonly Task[] | undefined
  readonly isWhole: boolean
  /** Why they could not be loaded. */
  readonly error: Error | undefined
  readonly reload: () => void
  readonly actions: TaskActions
}

/** Follows the tasks of the user. */
export function useTasks(): LiveTasks {
  const { api, live } = useData()
  const store = useMemo(() => live.store('tasks', taskSource(api)), [live, api])
  const { status, data: board, error } = useLive(store)
  const [own, setOwn] = useState(nothingDone)
  const actions = useMemo(
    () => actionsOn(api, (change) => setOwn((own) => change(own, store.getSnapshot().data))),
    [api, store],
  )
  const tasks = useMemo(() => board && seen(board, own), [board, own])
  return { status, tasks, isWhole: board?.isWhole ?? true, error, reload: store.reload, actions }
}

type Note = (change: (own: Own, board: Board | undefined) => Own) => void

function actionsOn(api: Api, note: Note): TaskActions {
  const pathOf = (id: string) => `/api/tasks/${encodeURIComponent(id)}`
  const noteAnswer = ({ id, version }: Pick<Task, 'id' | 'version'>, task?: Task) => {
    const at = performance.now()
    note((own, board) => answered(board, own, { id, version, task, at }))
  }
  const atOnce = async (what: 'completing' | 'removing', id: string, ask: () => Promise<void>) => {
    note((own) => asked(own, what, id))
    try {
      await ask()
    } catch (error) {
      note((own) => settled(own, id))
      throw error
    }
  }
  return {
    create: async (fields) => {
      const task = await api.post<Task>('/api/tasks', { body: fields })
      noteAnswer(task, task)
    },
    change: async (id, fields) => {
      const task = await api.patch<Task>(pathOf(id), { body: fields })
      noteAnswer(task, task)
    },
    complete: (id) =>
      atOnce('completing', id, async () => {
        const task = await api.post<Task>(`${pathOf(id)}/complete`)
        noteAnswer(task, task)
      }),
    remove: (id) =>
      atOnce('removing', id, async () => {
        await api.delete(pathOf(id)).catch(unlessGone)
        // Ids do not come back: no version is later.
        noteAnswer({ id, version: Number.POSITIVE_INFINITY })
      }),
  }
}

/** Somebody else was faster. */
function unlessGone(error: unknown): void {
  if (!(error instanceof RequestError && error.code === 'NOT_FOUND')) throw error
}
