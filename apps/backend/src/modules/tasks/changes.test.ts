import fc from 'fast-check'
import { expect, test } from 'vitest'
import { afterEvent, changeBetween, completed, deleted, edited, reminded } from './changes.ts'
import {
  type TaskEvent,
  taskCompleted,
  taskCreated,
  taskDeleted,
  taskDueSoon,
  taskPriorityChanged,
  taskUpdated,
} from './events.ts'
import type { StoredTask } from './store.ts'
import { priorities } from './task.ts'

const id = 'a'

const changes = ['rename', 'priority', 'schedule', 'remind', 'complete'] as const

const dueDates = [null, '2026-04-01T00:00:00.000Z', '2026-05-01T00:00:00.000Z'] as const

type Own = (typeof changes)[number] | 'delete'

/** What a user's browsers were told. */
interface Told {
  readonly type: string
  readonly task: StoredTask
}

/** Few are deleted: nothing happens to those any more. */
const change = fc.oneof({ weight: 20, arbitrary: fc.constantFrom(...changes) }, fc.constant('delete' as const))

/** What happens to one task: in the API, and by records of other programs. */
const step = fc.oneof(
  fc.record({ by: fc.constant('api' as const), what: change }),
  fc.record({
    by: fc.constant('others' as const),
    what: fc.oneof(change, fc.constant('create' as const)),
    /** Their clocks differ. */
    skewMs: fc.integer({ min: -50, max: 50 }),
  }),
)
const choices = fc.array(
  fc.record({
    what: step,
    title: fc.constantFrom('x', 'y'),
    priority: fc.constantFrom(...priorities),
    due_date: fc.constantFrom(...dueDates),
    lag: fc.nat({ max: 3 }),
  }),
  { maxLength: 25 },
)

const start = Date.UTC(2026, 2, 1)

/** Plays steps; the consumer reads so many records later than the API writes. */
function play(steps: typeof choices extends fc.Arbitrary<infer Steps> ? Steps : never) {
  const topic: TaskEvent[] = []
  const told: Told[] = []
  let row: StoredTask | undefined
  let read = 0
  const become = (after: StoredTask | undefined) => {
    if (!after) return
    const type = changeBetween(row, after)
    if (type) told.push({ type, task: after })
    row = after
  }
  const consume = (upTo: number) => {
    for (; read < upTo; read += 1) become(afterEvent(row, topic[read] as TaskEvent))
  }
  const append = (event: { type: string; data: unknown }, ms: number) => {
    const place = { partition: 0, offset: topic.length, time: new Date(ms) }
    topic.push({ ...event, ...place, topic: 'task-events', id: '', source: '', key: id, headers: {} } as TaskEvent)
  }
  steps.forEach(({ what, lag, ...fields }, index) => {
    const ms = start + index * 20
    if (what.by === 'others') append(foreignEvent(what.what, fields), ms + what.skewMs)
    else if (row && !row.deletedAt) {
      const before: StoredTask = row
      become(ownChanges[what.what](before, fields, new Date(ms)))
      if (row !== before) append(ownEvents[what.what](row), ms)
    }
    consume(topic.length - lag)
  })
  consume(topic.length)
  return { topic, row, told }
}

interface Fields {
  readonly title: string
  readonly priority: (typeof priorities)[number]
  readonly due_date: string | null
}

const ownChanges: Record<Own, (task: StoredTask, fields: Fields, at: Date) => StoredTask> = {
  rename: (task, { title }, at) => edited(task, { title }, at),
  priority: (task, { priority }, at) => edited(task, { priority }, at),
  schedule: (task, { due_date }, at) => edited(task, { due_date }, at),
  remind: (task) => (task.dueDate && reminded(task, task.dueDate)) ?? task,
  complete: (task, _fields, at) => completed(task, at),
  delete: (task, _fields, at) => deleted(task, at),
}

const ownEvents: Record<Own, (task: StoredTask) => { readonly type: string; readonly data: unknown }> = {
  rename: taskUpdated,
  priority: taskPriorityChanged,
  schedule: taskUpdated,
  remind: taskDueSoon,
  complete: taskCompleted,
  delete: taskDeleted,
}

function foreignEvent(what: Own | 'create', { title, priority, due_date }: Fields) {
  if (what === 'create')
    return { type: 'task_created', data: { id, user_id: 'u', title, priority, description: null, due_date } }
  if (what === 'rename') return { type: 'task_updated', data: { id, title } }
  if (what === 'schedule') return { type: 'task_updated', data: { id, due_date } }
  if (what === 'remind') return { type: 'task_due_soon', data: { id } }
  if (what === 'priority') return { type: 'task_priority_changed', data: { id, priority } }
  if (what === 'complete') return { type: 'task_completed', data: { id, completed: true } }
  return { type: 'task_deleted', data: { id } }
}

test('reading the topic again, from any place, changes nothing', () => {
  let rows = 0
  fc.assert(
    fc.property(choices, fc.nat(), (steps, from) => {
      const { topic, row } = play(steps)
      if (row) rows += 1
      // The very same: of another one, although it were equal, browsers could be told.
      for (const event of topic.slice(from % (topic.length + 1))) if (row) expect(afterEvent(row, event)).toBe(row)
    }),
    { numRuns: 2_000 },
  )
  expect(rows).toBeGreaterThan(500)
})

test('each change is told once, in order, by what it changed, whoever made it', () => {
  fc.assert(
    fc.property(choices, (steps) => {
      const { row, told } = play(steps)
      expect(told.map(({ task }) => task.version)).toEqual(told.map((_, index) => index + 1))
      expect(told.at(-1)?.task.version).toBe(row?.version)
      if (row) expect(told.at(-1)?.task).toMatchObject(visible(row))
      told.forEach(({ type, task }, index) => {
        const before = told[index - 1]?.task
        expect(type).toBe(before ? kindOf(before, task) : 'task_created')
      })
    }),
    { numRuns: 2_000 },
  )
})

/** Of a task, what its user sees. */
function visible({ title, priority, dueDate, completedAt, deletedAt, version }: StoredTask) {
  return { title, priority, dueDate, completedAt, deletedAt, version }
}

function kindOf(before: StoredTask, { title, dueDate, completedAt, deletedAt }: StoredTask): string {
  if (deletedAt) return 'task_deleted'
  if (completedAt && !before.completedAt) return 'task_completed'
  const isSame = title === before.title && dueDate?.getTime() === before.dueDate?.getTime()
  return isSame ? 'task_priority_changed' : 'task_updated'
}

test('a change of the priority and of more is told as one of more', () => {
  const { row } = play([only('create')])
  if (!row) throw new Error('it was not created')
  const both = edited(row, { title: 'other', priority: 'high' }, new Date(start))
  expect(changeBetween(row, both)).toBe('task_updated')
  expect(changeBetween(row, { ...both, title: row.title })).toBe('task_priority_changed')
  expect(changeBetween(row, row)).toBeUndefined()
})

test('of each due date the user is reminded once, while it is his', () => {
  const { row } = play([{ ...only('create'), due_date: dueDates[1] }])
  const [first, second] = [new Date(dueDates[1]), new Date(dueDates[2])]
  if (!row) throw new Error('it was not created')
  expect(reminded(row, second)).toBeUndefined()
  const once = reminded(row, first)
  expect(once).toEqual({ ...row, remindedOf: first })
  if (!once) return
  expect(reminded(once, first)).toBeUndefined()
  const moved = edited(once, { due_date: dueDates[2] }, new Date(start))
  expect(reminded(moved, first)).toBeUndefined()
  expect(reminded(moved, second)).toMatchObject({ remindedOf: second })
  for (const over of [completed(moved, new Date(start)), deleted(moved, new Date(start))])
    expect(reminded(over, second)).toBeUndefined()
})

test('own events of due dates change nothing, also of a task that a restored database has in an older version', () => {
  const { row } = play([{ ...only('create'), due_date: dueDates[1] }])
  if (!row) throw new Error('it was not created')
  const newer = { ...taskDueSoon({ ...row, version: 7 }), partition: 0, offset: 9, time: new Date(start) }
  expect(afterEvent(row, newer as unknown as TaskEvent)).toBe(row)
})

/** One step of others, with nothing after it. */
function only(what: Own | 'create') {
  const fields = { title: 'x', priority: 'low', due_date: null, lag: 0 } as const
  return { ...fields, what: { by: 'others' as const, what, skewMs: 0 } }
}

test('a topic that was made anew, whose offsets begin again, is applied', () => {
  const at = (offset: number, ms: number, title: string) =>
    ({
      ...foreignEvent('rename', { title, priority: 'low', due_date: null }),
      partition: 0,
      offset,
      time: new Date(ms),
    }) as TaskEvent
  const { row } = play([only('create')])
  let task = afterEvent(row, at(100, start + 10, 'old topic'))
  task = afterEvent(task, at(0, start + 7_200_000, 'first'))
  // Of the same millisecond, after it.
  task = afterEvent(task, at(1, start + 7_200_000, 'second'))
  expect(task?.title).toBe('second')
})

test('what came here first and is told by the topic later, whole, is the same task', () => {
  const { row } = play([only('create')])
  if (!row) throw new Error('it was not created')
  const { foreignAt: _at, foreignOffset: _offset, foreignPartition: _partition, ...kept } = row
  const event = { ...taskCreated(row), partition: 1, offset: 7, time: row.createdAt } as unknown as TaskEvent
  expect(afterEvent(undefined, event)).toMatchObject(kept)
})
