import type * as channels from '@millrace/backend/src/modules/tasks/channels.ts'
import type { Task } from '@millrace/backend/src/modules/tasks/task.ts'
import type { ChannelMessages } from 'millrace'

/** What the channel `tasks` says. */
export type TaskMessage = ChannelMessages<typeof channels>['tasks']

/** So many deletions are remembered: only answers that cross them on their way have to know. */
const mostDeleted = 1_000

/** The tasks of a user, as the server has told of them. */
export interface Board {
  readonly tasks: ReadonlyMap<string, Task>
  /** Whether these are all; of very many only the latest are loaded. */
  readonly isWhole: boolean
  /** Versions in which tasks were deleted. */
  readonly deleted: ReadonlyMap<string, number>
  /** When it was begun to be loaded, by `performance.now()`: what was answered before that is in it. */
  readonly since: number
}

/** What the server has answered to this page itself. Its message may come before or after. */
export interface Answer {
  readonly id: string
  readonly version: number
  /** Undefined: deleted. */
  readonly task: Task | undefined
  readonly at: number
}

/** What this page has done, as far as the board need not know yet. */
export interface Own {
  readonly answers: ReadonlyMap<string, Answer>
  /** Asked for, and not answered yet. */
  readonly completing: ReadonlySet<string>
  readonly removing: ReadonlySet<string>
}

/** Nothing was done. */
export const nothingDone: Own = { answers: new Map(), completing: new Set(), removing: new Set() }

/** A board of loaded tasks. */
export function boardOf(items: readonly Task[], { isWhole, since }: Pick<Board, 'isWhole' | 'since'>): Board {
  return { tasks: new Map(items.map((task) => [task.id, task])), isWhole, deleted: new Map(), since }
}

/** The board after a message; the same where it knows that, or something later. */
export function apply(board: Board, { type, data }: TaskMessage): Board {
  if (isKnown(board, data)) return board
  const tasks = new Map(board.tasks)
  if (type !== 'task_deleted') return { ...board, tasks: tasks.set(data.id, data) }
  tasks.delete(data.id)
  const deleted = [...board.deleted, [data.id, data.version] as const].slice(-mostDeleted)
  return { ...board, tasks, deleted: new Map(deleted) }
}

/** Whether a board has a task in a version, or a later one. */
function isKnown(
  { tasks, deleted }: Board,
  { id, version }: { readonly id: string; readonly version: number },
): boolean {
  return (tasks.get(id)?.version ?? 0) >= version || deleted.has(id)
}

/** What is to be seen, the latest first: the board, and on it what this page has done. */
export function seen(board: Board, own: Own): readonly Task[] {
  const tasks = new Map(board.tasks)
  for (const answer of own.answers.values()) {
    if (!isPending(board, answer)) continue
    if (answer.task) tasks.set(answer.id, answer.task)
    else tasks.delete(answer.id)
  }
  for (const id of own.removing) tasks.delete(id)
  const shown = [...tasks.values()].map((task) => (own.completing.has(task.id) ? { ...task, completed: true } : task))
  return shown.sort(byCreation)
}

/** Notes an answer, and forgets those that the board has. */
export function answered(board: Board | undefined, own: Own, answer: Answer): Own {
  const others = [...own.answers].filter(([id, one]) => id !== answer.id && (!board || isPending(board, one)))
  return { ...settled(own, answer.id), answers: new Map([...others, [answer.id, answer]]) }
}

/** Something is asked for. */
export function asked(own: Own, what: 'completing' | 'removing', id: string): Own {
  return { ...own, [what]: new Set([...own[what], id]) }
}

/** It was answered, or has failed. */
export function settled(own: Own, id: string): Own {
  const without = (ids: ReadonlySet<string>) => new Set([...ids].filter((one) => one !== id))
  return { ...own, completing: without(own.completing), removing: without(own.removing) }
}

function isPending(board: Board, answer: Answer): boolean {
  return answer.at >= board.since && !isKnown(board, answer)
}

function byCreation(one: Task, other: Task): number {
  if (one.created_at !== other.created_at) return one.created_at < other.created_at ? 1 : -1
  return one.id < other.id ? 1 : -1
}
