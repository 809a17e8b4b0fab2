import fc from 'fast-check'
import { expect, test } from 'vitest'
import { afterEvent, completed, deleted, edited } from './changes.ts'
import { type TaskEvent, taskCompleted, taskCreated, taskDeleted, taskPriorityChanged, taskUpdated } from './events.ts'
import type { StoredTask } from './store.ts'
import { priorities } from './task.ts'

const id = 'a'

const changes = ['rename', 'priority', 'complete'] as const

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
  fc.tuple(step, fc.constantFrom('x', 'y'), fc.constantFrom(...priorities), fc.nat({ max: 3 })),
  { maxLength: 25 },
)

const start = Date.UTC(2026, 2, 1)

/** Plays steps; the consumer reads so many records later than the API writes. */
function play(steps: typeof choices extends fc.Arbitrary<infer Steps> ? Steps : never) {
  const topic: TaskEvent[] = []
  let row: StoredTask | undefined
  let read = 0
  const consume = (upTo: number) => {
    for (; read < upTo; read += 1) row = afterEvent(row, topic[read] as TaskEvent) ?? row
  }
  const append = (event: { type: string; data: unknown }, ms: number) => {
    const place = { partition: 0, offset: topic.length, time: new Date(ms) }
    topic.push({ ...event, ...place, topic: 'task-events', id: '', source: '', key: id, headers: {} } as TaskEvent)
  }
  steps.forEach(([what, title, priority, lag], index) => {
    const ms = start + index * 20
    const at = new Date(ms)
    if (what.by === 'others') append(foreignEvent(what.what, title, priority), ms + what.skewMs)
    else if (row && !row.deletedAt) {
      const before: StoredTask = row
      if (what.what === 'rename') row = edited(row, { title }, at)
      if (what.what === 'priority') row = edited(row, { priority }, at)
      if (what.what === 'complete') row = completed(row, at)
      if (what.what === 'delete') row = deleted(row, at)
      if (row !== before) append(ownEvents[what.what](row), ms)
    }
    consume(topic.length - lag)
  })
  consume(topic.length)
  return { topic, row }
}

const ownEvents = { rename: taskUpdated, priority: taskPriorityChanged, complete: taskCompleted, delete: taskDeleted }

function foreignEvent(what: string, title: string, priority: (typeof priorities)[number]) {
  if (what === 'create')
    return { type: 'task_created', data: { id, user_id: 'u', title, priority, description: null, due_date: null } }
  if (what === 'rename') return { type: 'task_updated', data: { id, title } }
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
      let again = row
      for (const event of topic.slice(from % (topic.length + 1))) again = afterEvent(again, event) ?? again
      expect(again).toEqual(row)
    }),
    { numRuns: 2_000 },
  )
  expect(rows).toBeGreaterThan(500)
})

test('a topic that was made anew, whose offsets begin again, is applied', () => {
  const at = (offset: number, ms: number, title: string) =>
    ({ ...foreignEvent('rename', title, 'low'), partition: 0, offset, time: new Date(ms) }) as TaskEvent
  const { row } = play([[{ by: 'others', what: 'create', skewMs: 0 }, 'x', 'low', 0]])
  let task = afterEvent(row, at(100, start + 10, 'old topic'))
  task = afterEvent(task, at(0, start + 7_200_000, 'first'))
  // Of the same millisecond, after it.
  task = afterEvent(task, at(1, start + 7_200_000, 'second'))
  expect(task?.title).toBe('second')
})

test('what came here first and is told by the topic later, whole, is the same task', () => {
  const { row } = play([[{ by: 'others', what: 'create', skewMs: 0 }, 'x', 'high', 0]])
  if (!row) throw new Error('it was not created')
  const { foreignAt: _at, foreignOffset: _offset, foreignPartition: _partition, ...kept } = row
  const event = { ...taskCreated(row), partition: 1, offset: 7, time: row.createdAt } as unknown as TaskEvent
  expect(afterEvent(undefined, event)).toMatchObject(kept)
})
