import type { Task } from '@millrace/backend/src/modules/tasks/task.ts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Answer,
  answered,
  apply,
  asked,
  type Board,
  boardOf,
  nothingDone,
  seen,
  settled,
  type TaskMessage,
} from './board.ts'

function task(id: string, version = 1, fields: Partial<Task> = {}): Task {
  const at = `2026-01-01T00:00:0${id.length}.000Z`
  const times = { completed: false, completed_at: null, created_at: at, updated_at: at }
  const said = { title: `${id} ${version}`, description: null, priority: 'medium', due_date: null } as const
  return { id, user_id: 'ann', version, ...said, ...times, ...fields }
}

const updated = (data: Task): TaskMessage => ({ type: 'task_updated', data })
const deleted = (id: string, version: number): TaskMessage => ({ type: 'task_deleted', data: { id, version } })
const answer = (id: string, version: number, isDeleted = false, at = 1): Answer => ({
  ...{ id, version, at },
  task: isDeleted ? undefined : task(id, version),
})
const board = (...tasks: Task[]) => boardOf(tasks, { isWhole: true, since: 0 })
const titles = (...given: Parameters<typeof seen>) => seen(...given).map(({ title }) => title)

describe('a message', () => {
  test('that is known changes nothing: not even the object', () => {
    const before = board(task('a', 2))
    for (const message of [updated(task('a', 1)), updated(task('a', 2))]) expect(apply(before, message)).toBe(before)
    const gone = apply(before, deleted('a', 3))
    for (const message of [updated(task('a', 2)), updated(task('a', 3)), deleted('a', 3)]) {
      expect(apply(gone, message)).toBe(gone)
    }
  })

  test('leaves the board before it as it was', () => {
    const before = board(task('a'))
    apply(before, updated(task('a', 2)))
    apply(before, deleted('a', 2))
    expect(titles(before, nothingDone)).toEqual(['a 1'])
  })
})

describe('what is seen', () => {
  test('is the latest first', () => {
    expect(titles(board(task('a'), task('ccc'), task('bb')), nothingDone)).toEqual(['ccc 1', 'bb 1', 'a 1'])
  })

  test('has what is asked for before it is answered, and has it no more when it fails', () => {
    const tasks = board(task('a'), task('bb'))
    const own = asked(asked(nothingDone, 'completing', 'a'), 'removing', 'bb')
    expect(seen(tasks, own)).toMatchObject([{ id: 'a', completed: true }])
    expect(seen(tasks, settled(settled(own, 'a'), 'bb'))).toMatchObject([{ id: 'bb' }, { id: 'a', completed: false }])
  })

  test('keeps an answer until the board was loaded after it, though it was deleted meanwhile', () => {
    const own = answered(board(), nothingDone, answer('a', 3, false, 10))
    expect(titles(boardOf([], { isWhole: true, since: 9 }), own)).toEqual(['a 3'])
    expect(titles(boardOf([], { isWhole: true, since: 11 }), own)).toEqual([])
  })

  test('forgets the answers that the board has', () => {
    let own = answered(board(), nothingDone, answer('a', 1))
    own = answered(board(task('a')), own, answer('b', 1))
    expect([...own.answers.keys()]).toEqual(['b'])
  })
})

/** What happens to one task: versions that follow each other, the last one perhaps a deletion. */
const life = fc
  .record({ id: fc.constantFrom('a', 'bb', 'ccc'), versions: fc.integer({ min: 1, max: 5 }), ends: fc.boolean() })
  .map(({ id, versions, ends }) =>
    Array.from({ length: versions }, (_, index) => ({ id, version: index + 1, isEnd: ends && index + 1 === versions })),
  )
const lives = fc.uniqueArray(life, { selector: ([first]) => first?.id, minLength: 1, maxLength: 3 })

test('whatever order answers and messages come in, nothing is there twice, comes back, or is not the latest', () => {
  fc.assert(
    fc.property(lives, fc.infiniteStream(fc.nat()), (all, random) => {
      const next = (below: number) => (random.next().value ?? 0) % below
      const changes = all.flat()
      // Messages in order for each task; any of the changes may be this page’s own, answered at any time.
      const messages = all.map((changes) => [...changes])
      const answers = changes.filter(() => next(2) === 0)
      let now: Board = board()
      let own = nothingDone
      while (messages.some(({ length }) => length > 0) || answers.length > 0) {
        const queue = messages[next(messages.length)]
        if (next(2) === 0) {
          const change = queue?.shift()
          if (change) now = apply(now, messageOf(change))
        } else {
          const [given] = answers.splice(next(Math.max(1, answers.length)), 1)
          if (given)
            own = answered(
              now,
              own,
              answer(given.id, given.isEnd ? Number.POSITIVE_INFINITY : given.version, given.isEnd),
            )
        }
        const ids = seen(now, own).map(({ id }) => id)
        expect(new Set(ids).size).toBe(ids.length)
        // What the board knows to be gone stays so.
        for (const id of now.deleted.keys()) expect(ids).not.toContain(id)
      }
      const latest = all.map((changes) => changes.at(-1)).filter((last) => last && !last.isEnd)
      expect(titles(now, own).sort()).toEqual(latest.map((last) => `${last?.id} ${last?.version}`).sort())
    }),
    { numRuns: 500 },
  )
})

function messageOf({ id, version, isEnd }: { id: string; version: number; isEnd: boolean }): TaskMessage {
  return isEnd ? deleted(id, version) : updated(task(id, version))
}
