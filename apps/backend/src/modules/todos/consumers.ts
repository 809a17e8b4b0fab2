import { type Consumer, defineConsumer, fail, isMillraceError, type Millrace } from 'millrace'
import type * as z from 'zod'
import type { AppDatabase } from '../../database.ts'
import { todos2 } from './events.ts'
import { TodoIds } from './ids.ts'
import { insertTodo } from './store.ts'
import { newTodo, type Todo } from './todo.ts'

/** Writes todos as rows. An id that is taken already keeps its first row, and is counted. */
export function writeTodos(millrace: Millrace): Consumer {
  const countTaken = millrace.count('todos_id_taken', 'Todos left out, as their id was taken: the first row was kept')
  // Never checked again: an id that was taken meanwhile is seen on inserting, and nobody has been told it.
  const ids = new TodoIds({ freshForMs: Number.POSITIVE_INFINITY })
  return defineConsumer({
    name: 'todos',
    topic: todos2,
    // A record that breaks the rules breaks them at every attempt.
    retry: { isFinal: (error) => isMillraceError(error, 'RECORD_INVALID') },
    on: {
      TodoCreated: async ({ data }, unit) => {
        const { id, content } = checked(data)
        if (!id) await insertWithNewId(unit.db, ids, content)
        else if (!(await insertTodo(unit.db, { id, content }))) unit.afterCommit(() => countTaken())
      },
    },
  })
}

/** @throws RECORD_INVALID */
function checked({ id, content }: Todo): z.output<typeof newTodo> {
  const result = newTodo.safeParse({ id: id === 0 ? null : id, content })
  if (result.success) return result.data
  const problem = result.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; ')
  throw fail('RECORD_INVALID', { type: 'TodoCreated', problem })
}

async function insertWithNewId(db: AppDatabase, ids: TodoIds, content: string): Promise<void> {
  while (!(await insertTodo(db, { id: await ids.next(db), content })));
}
