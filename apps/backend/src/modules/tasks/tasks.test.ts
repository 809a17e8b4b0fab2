import type { TestApp } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { taskUpdates } from './channels.ts'
import {
  task_completed,
  task_created,
  task_deleted,
  task_due_soon,
  task_priority_changed,
  task_updated,
} from './events.ts'
import type { Task } from './task.ts'
import { as, produce, readAgain, startTasks } from './tasks.fixture.ts'

/** All that is kept of tasks. */
async function rowsOf(t: TestApp) {
  return (await t.database.query('SELECT * FROM tasks.task ORDER BY id')).rows
}

async function deadLetters(t: TestApp) {
  return (await t.database.query<{ reason: string }>('SELECT * FROM millrace.dead_letter')).rows
}

/** How many events of each type have been published. */
async function told(t: TestApp) {
  const all = [task_created, task_updated, task_completed, task_deleted, task_priority_changed, task_due_soon]
  const counts = await Promise.all(all.map(async (event) => [event.type, (await t.published(event)).length] as const))
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}

describe('/api/tasks', () => {
  test('creates a task, with defaults, and tells of it', async () => {
    await using t = await startTasks()
    const ann = await as(t, 'ann')
    const created = await ann('POST', '/api/tasks', { title: 'tea' })
    expect(created).toMatchObject({
      status: 201,
      body: {
        ...{ user_id: 'ann', title: 'tea', description: null, priority: 'medium', due_date: null },
        ...{ completed: false, completed_at: null, version: 1 },
      },
    })
    const { id } = created.body as Task
    expect(await ann('GET', `/api/tasks/${id}`)).toEqual({ status: 200, body: created.body })
    expect(await t.published(task_created)).toMatchObject([
      { key: id, data: { id, title: 'tea', description: null, user_id: 'ann', priority: 'medium', due_date: null } },
    ])
  })

  test('events have the body that other programs know', async () => {
    await using t = await startTasks()
    const { body } = await (await as(t, 'ann'))('POST', '/api/tasks', { title: 'tea' })
    const { rows } = await t.database.query<{ value: Buffer }>('SELECT value FROM millrace.outbox')
    expect(JSON.parse(String(rows[0]?.value))).toEqual({
      event_type: 'task_created',
      data: {
        ...{ id: body.id, user_id: 'ann', task_version: 1 },
        ...{ title: 'tea', description: null, priority: 'medium', due_date: null },
      },
    })
  })

  test('replaces and changes a task; each change has its event, none has none', async () => {
    await using t = await startTasks()
    const ann = await as(t, 'ann')
    const full = { title: 'tea', description: 'green', priority: 'high', due_date: '2030-01-01T10:00:00+02:00' }
    const { body: task } = await ann('POST', '/api/tasks', full)
    expect(task).toMatchObject({ ...full, due_date: '2030-01-01T08:00:00.000Z' })
    const url = `/api/tasks/${task.id}`
    expect((await ann('PATCH', url, { title: 'chai' })).body).toMatchObject({
      title: 'chai',
      priority: 'high',
      version: 2,
    })
    expect((await ann('PATCH', url, { priority: 'low' })).body).toMatchObject({
      title: 'chai',
      priority: 'low',
      version: 3,
    })
    expect((await ann('PATCH', url, { title: 'chai', priority: 'low' })).body).toMatchObject({ version: 3 })
    expect((await ann('PATCH', url, {})).body).toMatchObject({ version: 3 })
    expect(await told(t)).toEqual({ task_created: 1, task_updated: 1, task_priority_changed: 1 })
    const { body: replaced } = await ann('PUT', url, { title: 'water' })
    expect(replaced).toMatchObject({
      title: 'water',
      description: null,
      priority: 'medium',
      due_date: null,
      version: 4,
    })
    expect(await told(t)).toEqual({ task_created: 1, task_updated: 2, task_priority_changed: 2 })
    for (const [method, body] of [
      ['PUT', {}],
      ['PATCH', { completed: true }],
    ] as const) {
      expect((await ann(method, url, body)).status).toBe(422)
    }
  })

  test('completes a task once', async () => {
    await using t = await startTasks()
    const ann = await as(t, 'ann')
    const { body: task } = await ann('POST', '/api/tasks', { title: 'tea' })
    const first = await ann('POST', `/api/tasks/${task.id}/complete`)
    expect(first).toMatchObject({
      status: 200,
      body: { completed: true, completed_at: expect.any(String), version: 2 },
    })
    expect(await ann('POST', `/api/tasks/${task.id}/complete`)).toEqual(first)
    expect(await t.published(task_completed)).toMatchObject([
      { data: { id: task.id, title: 'tea', completed: true, completed_at: first.body.completed_at } },
    ])
  })

  test('deletes a task; nothing of its texts stays', async () => {
    await using t = await startTasks()
    const ann = await as(t, 'ann')
    const { body: task } = await ann('POST', '/api/tasks', { title: 'a secret', description: 'a secret' })
    expect((await ann('DELETE', `/api/tasks/${task.id}`)).status).toBe(204)
    for (const method of ['GET', 'DELETE'] as const)
      expect((await ann(method, `/api/tasks/${task.id}`)).status).toBe(404)
    expect((await ann('GET', '/api/tasks')).body.items).toEqual([])
    expect(JSON.stringify(await rowsOf(t))).not.toContain('a secret')
    expect(await t.published(task_deleted)).toMatchObject([{ data: { id: task.id, user_id: 'ann' } }])
  })

  test('lists in pages, the latest first, by what is asked for', async () => {
    await using t = await startTasks()
    const ann = await as(t, 'ann')
    const create = async (body: object) => (await ann('POST', '/api/tasks', body)).body as Task
    const [a, b, c] = [
      await create({ title: 'a', priority: 'high', due_date: '2030-01-01T00:00:00Z' }),
      await create({ title: 'b', due_date: '2030-06-01T00:00:00Z' }),
      await create({ title: 'c', priority: 'high' }),
    ]
    await ann('POST', `/api/tasks/${b.id}/complete`)
    const titles = async (query: string) =>
      (await ann('GET', `/api/tasks?${query}`)).body.items.map(({ title }: Task) => title)
    expect(await titles('')).toEqual(['c', 'b', 'a'])
    expect(await titles('completed=true')).toEqual(['b'])
    expect(await titles('completed=false')).toEqual(['c', 'a'])
    expect(await titles('priority=high')).toEqual(['c', 'a'])
    expect(await titles('due_before=2030-06-01T00:00:00Z')).toEqual(['a'])
    expect(await titles('due_after=2030-06-01T00:00:00Z')).toEqual(['b'])
    const first = await ann('GET', '/api/tasks?limit=2')
    expect(first.body).toMatchObject({ items: [{ id: c.id }, { id: b.id }], next: expect.any(String) })
    expect((await ann('GET', `/api/tasks?limit=2&after=${first.body.next}`)).body).toMatchObject({
      items: [{ id: a.id }],
      next: null,
    })
    for (const wrong of ['limit=0', 'limit=1001', 'after=x', 'completed=1', 'priority=top', 'due_before=x', 'typo=1']) {
      expect([wrong, (await ann('GET', `/api/tasks?${wrong}`)).status]).toEqual([wrong, 422])
    }
  })

  test('others’ tasks are not there, to see or to change; without a token nothing is', async () => {
    await using t = await startTasks()
    const [ann, bob] = [await as(t, 'ann'), await as(t, 'bob')]
    const { body: task } = await ann('POST', '/api/tasks', { title: 'tea' })
    const attempts = [
      ['GET', `/api/tasks/${task.id}`],
      ['PUT', `/api/tasks/${task.id}`, { title: 'mine' }],
      ['PATCH', `/api/tasks/${task.id}`, { title: 'mine' }],
      ['POST', `/api/tasks/${task.id}/complete`],
      ['DELETE', `/api/tasks/${task.id}`],
    ] as const
    for (const [method, url, payload] of attempts) {
      expect(await bob(method, url, payload)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } })
      expect((await t.http.request({ method, url, ...(payload && { payload }) })).statusCode).toBe(401)
    }
    expect((await bob('GET', '/api/tasks')).body).toMatchObject({ items: [], next: null })
    expect((await ann('GET', `/api/tasks/${task.id}`)).body).toEqual(task)
  })

  test.each([
    ['no title', {}],
    ['an empty title', { title: '' }],
    ['a NUL', { title: 'a\0b' }],
    ['an unknown priority', { title: 'a', priority: 'top' }],
    ['a date that is none', { title: 'a', due_date: 'tomorrow' }],
    ['a year that PostgreSQL or timers cannot hold', { title: 'a', due_date: '9999-12-31T00:00:00Z' }],
  ])('refuses %s', async (_what, body) => {
    await using t = await startTasks()
    expect(await (await as(t, 'ann'))('POST', '/api/tasks', body)).toMatchObject({ status: 422 })
    expect(await rowsOf(t)).toEqual([])
  })
})

describe('the topic task-events', () => {
  const data = { id: 'foreign', title: 'from elsewhere', user_id: 'ann', due_date: '2030-01-01T12:00:00' }

  test.each([
    ['event_type and data', { event_type: 'task_created', data }],
    ['type and data', { type: 'task_created', data }],
    ['event_type and fields', { event_type: 'task_created', ...data }],
    ['type and fields', { type: 'task_created', ...data }],
    [
      'numbers for ids, and null for defaults',
      {
        type: 'task_created',
        data: { ...data, id: 123, user_id: 7, description: null, priority: null },
      },
    ],
  ])('takes a task of another program: %s', async (_shape, body) => {
    await using t = await startTasks()
    await produce(t, body)
    await t.settled()
    const isNumbered = _shape.startsWith('numbers')
    const { body: listed } = await (await as(t, isNumbered ? '7' : 'ann'))('GET', '/api/tasks')
    expect(listed.items).toMatchObject([
      {
        ...{ id: isNumbered ? '123' : 'foreign', title: 'from elsewhere', description: null, priority: 'medium' },
        ...{ due_date: '2030-01-01T12:00:00.000Z', completed: false, version: 1 },
      },
    ])
    expect(await deadLetters(t)).toEqual([])
  })

  test.each(['0001-01-01T00:00:00Z', '-000044-03-15T00:00:00Z', '+012026-01-01T00:00:00Z'])(
    'takes records of a time that nobody can mean: %s',
    async (ce_time) => {
      await using t = await startTasks()
      for (const type of ['task_created', 'task_updated', 'task_completed'])
        await produce(t, { type, data: { ...data, title: type } }, 'foreign', { ce_time })
      await t.settled()
      const { status, body } = await (await as(t, 'ann'))('GET', '/api/tasks')
      expect([status, body.items]).toMatchObject([200, [{ title: 'task_updated', completed: true, version: 3 }]])
      expect(await deadLetters(t)).toEqual([])
      expect(await t.pushed(taskUpdates, 'ann')).toHaveLength(3)
    },
  )

  test('takes what others say of tasks, whoever has made them', async () => {
    await using t = await startTasks()
    const ann = await as(t, 'ann')
    await produce(t, { type: 'task_created', data })
    const { body: own } = await ann('POST', '/api/tasks', { title: 'own' })
    for (const id of ['foreign', own.id as string]) {
      // Whose it is says the row.
      await produce(t, { type: 'task_updated', id, title: 'renamed', user_id: 'eve' }, id)
      await produce(t, { event_type: 'task_priority_changed', data: { id, priority: 'high' } }, id)
      await produce(
        t,
        { type: 'task_completed', data: { id, title: 'x', completed: true, completed_at: '2026-03-01' } },
        id,
      )
      await produce(t, { type: 'task_due_soon', data: { id } }, id)
    }
    await t.settled()
    const { body } = await ann('GET', '/api/tasks')
    const changed = {
      title: 'renamed',
      priority: 'high',
      completed_at: '2026-03-01T00:00:00.000Z',
      user_id: 'ann',
      version: 4,
    }
    expect(body.items).toMatchObject([changed, changed])
    await produce(t, { type: 'task_deleted', id: own.id }, own.id)
    await t.settled()
    expect((await ann('GET', `/api/tasks/${own.id}`)).status).toBe(404)
    // What others told is not told again.
    expect(await told(t)).toEqual({ task_created: 1 })
  })

  test('gives up what does not fit, with the reason, and goes on; what is of no task is counted', async () => {
    await using t = await startTasks()
    await produce(t, { type: 'task_created', data: { id: 'x', title: 'whose?' } }, 'x')
    await produce(t, { type: 'task_painted', data }, 'x')
    await produce(t, { type: 'task_updated', data: { id: 'x', due_date: 'tomorrow' } }, 'x')
    await produce(t, { type: 'task_completed', data: { id: 'unknown' } }, 'unknown')
    await produce(t, { type: 'task_created', data })
    await t.settled()
    const reasons = JSON.stringify((await deadLetters(t)).map(({ reason }) => reason))
    for (const said of ['user_id', 'task_painted', 'due_date']) expect(reasons).toContain(said)
    expect(await rowsOf(t)).toMatchObject([{ id: 'foreign' }])
    expect((await t.http.get('/metrics')).body).toMatch(/^millrace_app_task_events_unknown_total 1$/m)
  })

  test('a version that others claim leaves room for changes', async () => {
    await using t = await startTasks()
    const ann = await as(t, 'ann')
    await produce(t, { type: 'task_created', data })
    for (const task_version of [2_000_000_000, 2_147_483_647]) {
      await produce(t, { type: 'task_updated', data: { id: 'foreign', title: 'renamed', task_version } })
    }
    await t.settled()
    const { status, body } = await ann('PATCH', '/api/tasks/foreign', { title: 'mine' })
    expect([status, body]).toMatchObject([200, { title: 'mine', version: 2_000_000_001 }])
    await t.settled()
    expect(await deadLetters(t)).toEqual([])
  })

  test('read again from its beginning changes nothing: what the API did, what others did, what is deleted', async () => {
    await using t = await startTasks()
    const ann = await as(t, 'ann')
    const { body: kept } = await ann('POST', '/api/tasks', { title: 'kept', due_date: '2030-01-01T00:00:00Z' })
    const { body: gone } = await ann('POST', '/api/tasks', { title: 'gone' })
    await produce(t, { type: 'task_created', data })
    await produce(t, { type: 'task_created', data: { ...data, id: 'foreign-gone' } }, 'foreign-gone')
    await produce(t, { type: 'task_updated', data: { id: kept.id, title: 'by others', priority: 'medium' } }, kept.id)
    await t.settled()
    // Later than what others said, which must not come back.
    await ann('PATCH', `/api/tasks/${kept.id}`, { title: 'by the user', priority: 'low' })
    await ann('PATCH', '/api/tasks/foreign', { title: 'by the user' })
    for (const id of [gone.id, 'foreign-gone']) await ann('DELETE', `/api/tasks/${id}`)
    await t.settled()
    const [before, events] = [await rowsOf(t), await told(t)]
    expect(before).toHaveLength(4)
    await readAgain(t)
    await t.clock.advance('60d')
    expect(await rowsOf(t)).toEqual(before)
    expect(await told(t)).toEqual(events)
    expect((await ann('GET', '/api/tasks')).body.items.map(({ title }: Task) => title)).toEqual([
      'by the user',
      'by the user',
    ])
  })
})

describe('task_due_soon', () => {
  const inHours = (t: TestApp, hours: number) => new Date(t.clock.now().getTime() + hours * 3_600_000).toISOString()

  const announced = async (t: TestApp) => {
    await t.settled()
    return (await t.published(task_due_soon)).map(({ data: { id, due_date } }) => ({ id, due_date }))
  }

  test('comes once, a day ahead, and changes nothing', async () => {
    await using t = await startTasks()
    const ann = await as(t, 'ann')
    const due_date = inHours(t, 30)
    const { body: task } = await ann('POST', '/api/tasks', { title: 'tea', due_date })
    await t.clock.advance('5h')
    expect(await announced(t)).toEqual([])
    await t.clock.advance('61m')
    const once = [{ id: task.id, due_date }]
    expect(await announced(t)).toEqual(once)
    await ann('PATCH', `/api/tasks/${task.id}`, { title: 'chai' })
    await t.clock.advance('48h')
    expect(await announced(t)).toEqual(once)
    expect((await ann('GET', `/api/tasks/${task.id}`)).body).toMatchObject({ version: 2 })
  })

  test('moves with the due date, also when it is brought forward', async () => {
    await using t = await startTasks()
    const ann = await as(t, 'ann')
    const { body: task } = await ann('POST', '/api/tasks', { title: 'tea', due_date: inHours(t, 30) })
    const later = inHours(t, 60)
    await ann('PATCH', `/api/tasks/${task.id}`, { due_date: later })
    await t.clock.advance('30h')
    expect(await announced(t)).toEqual([])
    const sooner = inHours(t, 2)
    await ann('PATCH', `/api/tasks/${task.id}`, { due_date: sooner })
    expect(await announced(t)).toEqual([{ id: task.id, due_date: sooner }])
  })

  test('does not come for what is done, deleted, past, or without a date any more', async () => {
    await using t = await startTasks()
    const ann = await as(t, 'ann')
    const create = async (hours: number) =>
      `/api/tasks/${(await ann('POST', '/api/tasks', { title: 'tea', due_date: inHours(t, hours) })).body.id}`
    await ann('POST', `${await create(30)}/complete`)
    await ann('DELETE', await create(30))
    await ann('PATCH', await create(30), { due_date: null })
    await ann('PATCH', await create(30), { due_date: inHours(t, -1) })
    await create(-1)
    await t.clock.advance('90h')
    expect(await announced(t)).toEqual([])
  })

  test('comes for tasks of other programs too, and for one that comes in a day or less at once', async () => {
    await using t = await startTasks()
    const due_date = inHours(t, 3)
    await produce(t, { type: 'task_created', data: { id: 'foreign', title: 'tea', user_id: 'ann', due_date } })
    expect(await announced(t)).toEqual([{ id: 'foreign', due_date }])
  })
})
