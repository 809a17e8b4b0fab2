import type { TestApp } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import type { Listener, Message } from '../../listener.fixture.ts'
import { readLive } from '../../live-reads.ts'
import { taskUpdates } from './channels.ts'
import { task_due_soon } from './events.ts'
import type { Task } from './task.ts'
import { as, listen, operate, produce, readAgain, startTasks } from './tasks.fixture.ts'

const soon = { timeout: 10_000 }

/** What a listener was told so far, with all that was caused before this: it hears a task that is created now. */
async function told(t: TestApp, listener: Listener, user = 'ann'): Promise<Message[]> {
  await t.settled()
  const { body } = await (await as(t, user))('POST', '/api/tasks', { title: 'that is all' })
  await listener.heard('task_created', body.id)
  return listener.messages.filter(({ data }) => data['title'] !== 'that is all')
}

describe('what the API does', () => {
  test('is told once, though the topic tells it too: with the answer itself', async () => {
    await using t = await startTasks()
    using listener = await listen(t, 'ann')
    const ann = await as(t, 'ann')
    const { body: created } = await ann('POST', '/api/tasks', { title: 'tea' })
    const url = `/api/tasks/${created.id}`
    const { body: renamed } = await ann('PATCH', url, { title: 'chai' })
    const { body: pressing } = await ann('PATCH', url, { priority: 'high' })
    await ann('PATCH', url, { priority: 'high' })
    const { body: replaced } = await ann('PUT', url, { title: 'water', priority: 'low' })
    const { body: done } = await ann('POST', `${url}/complete`)
    await ann('POST', `${url}/complete`)
    await ann('DELETE', url)
    expect(await told(t, listener)).toEqual([
      { type: 'task_created', data: created },
      { type: 'task_updated', data: renamed },
      { type: 'task_priority_changed', data: pressing },
      { type: 'task_updated', data: replaced },
      { type: 'task_completed', data: done },
      { type: 'task_deleted', data: { id: created.id, version: 6 } },
    ])
  })

  test('is told to its user alone, on each of his devices', async () => {
    await using t = await startTasks()
    using desk = await listen(t, 'ann')
    using phone = await listen(t, 'ann')
    using bob = await listen(t, 'bob')
    await (await as(t, 'ann'))('POST', '/api/tasks', { title: 'tea' })
    for (const device of [desk, phone]) expect(await told(t, device)).toMatchObject([{ data: { title: 'tea' } }])
    expect(await told(t, bob, 'bob')).toEqual([])
    expect((await t.http.get('/ws/stats')).json()).toEqual({
      ...{ total_connections: 3, user_connections: 2 },
      channels: { tasks: 3 },
    })
  })

  test('is told however long its texts are', async () => {
    await using t = await startTasks()
    const longest = {
      title: '\u0001'.repeat(500),
      description: '\u0001'.repeat(10_000),
      due_date: '2030-01-01T00:00:00Z',
    }
    const user = '\u0001'.repeat(200)
    const id = '\u0001'.repeat(100)
    await produce(t, { type: 'task_created', data: { id, user_id: user, priority: 'low', ...longest } }, id)
    await produce(t, { type: 'task_completed', data: { id, completed_at: '2030-01-01T00:00:00Z' } }, id)
    await produce(t, { type: 'task_priority_changed', data: { id, priority: 'medium' } }, id)
    await t.settled()
    const messages = await t.pushed(taskUpdates, user)
    expect(messages.map(({ type }) => type)).toEqual(['task_created', 'task_completed', 'task_priority_changed'])
    expect(messages.at(-1)).toMatchObject({ data: { ...longest, id, due_date: '2030-01-01T00:00:00.000Z' } })
  })
})

describe('what other programs do', () => {
  const data = { id: 'foreign', title: 'from elsewhere', user_id: 'ann', due_date: '2030-01-01T12:00:00' }

  test('is told once, each change with the task after it, also where one unit of work takes them all', async () => {
    await using t = await startTasks({ topicPartitions: 1 })
    using listener = await listen(t, 'ann')
    await operate(t, 'tasks', 'pause')
    await produce(t, { type: 'task_created', data })
    await produce(t, { type: 'task_updated', data: { id: 'foreign', title: 'renamed', priority: 'high' } })
    await produce(t, { type: 'task_updated', data: { id: 'foreign', title: 'renamed' } })
    await produce(t, { type: 'task_created', data: { ...data, id: 'other' } }, 'other')
    await produce(t, { type: 'task_priority_changed', data: { id: 'foreign', priority: 'low' } })
    await produce(t, { type: 'task_due_soon', data: { id: 'foreign' } })
    await produce(t, { type: 'task_completed', data: { id: 'foreign' } })
    await produce(t, { type: 'task_due_soon', data: { id: 'foreign' } })
    await produce(t, { type: 'task_deleted', data: { id: 'foreign' } })
    await produce(t, { type: 'task_updated', data: { id: 'foreign', title: 'too late' } })
    await produce(t, { type: 'task_updated', data: { id: 'unknown', title: 'of no task' } }, 'unknown')
    await operate(t, 'tasks', 'resume')
    const messages = await told(t, listener)
    expect(
      messages.map(({ type, data: { id, title, priority, completed, version } }) => ({
        ...{ type, id, version },
        ...(title !== undefined && { is: [title, priority, completed] }),
      })),
    ).toEqual([
      { type: 'task_created', id: 'foreign', version: 1, is: ['from elsewhere', 'medium', false] },
      { type: 'task_updated', id: 'foreign', version: 2, is: ['renamed', 'high', false] },
      { type: 'task_created', id: 'other', version: 1, is: ['from elsewhere', 'medium', false] },
      { type: 'task_priority_changed', id: 'foreign', version: 3, is: ['renamed', 'low', false] },
      { type: 'task_due_soon', id: 'foreign', version: 3, is: ['renamed', 'low', false] },
      { type: 'task_completed', id: 'foreign', version: 4, is: ['renamed', 'low', true] },
      { type: 'task_deleted', id: 'foreign', version: 5 },
    ])
    const { body } = await (await as(t, 'ann'))('GET', '/api/tasks/other')
    expect(messages[2]?.data).toEqual(body)
  })

  test('is told by whichever process serves the browser, not by the one that consumes', async () => {
    await using api = await startTasks({ roles: ['api'] })
    await using worker = await startTasks({ roles: ['worker'], databaseUrl: api.databaseUrl })
    using listener = await listen(api, 'ann')
    await produce(api, { type: 'task_created', data })
    await listener.heard('task_created', 'foreign')
    expect((await (await as(api, 'ann'))('GET', '/api/tasks/foreign')).body).toEqual(listener.messages[0]?.data)
    expect((await worker.http.get('/ws/stats')).statusCode).toBe(404)
  })
})

test('reading the topic again tells nothing, however late: of own events, others’, deleted tasks, and due dates', async () => {
  await using t = await startTasks()
  using listener = await listen(t, 'ann')
  const ann = await as(t, 'ann')
  const due_date = new Date(t.clock.now().getTime() + 3 * 3_600_000).toISOString()
  const { body: kept } = await ann('POST', '/api/tasks', { title: 'kept', due_date })
  const { body: gone } = await ann('POST', '/api/tasks', { title: 'gone' })
  await ann('DELETE', `/api/tasks/${gone.id}`)
  await produce(t, { type: 'task_created', data: { id: 'foreign', user_id: 'ann', title: 'x' } })
  await produce(t, { type: 'task_due_soon', data: { id: 'foreign' } })
  await produce(t, { type: 'task_created', data: { id: 'deleted', user_id: 'ann', title: 'x' } }, 'deleted')
  await produce(t, { type: 'task_deleted', data: { id: 'deleted' } }, 'deleted')
  await t.settled()
  await ann('PATCH', `/api/tasks/${kept.id}`, { priority: 'high' })
  await ann('PATCH', '/api/tasks/foreign', { title: 'y' })
  const before = await told(t, listener)
  expect(before.map(({ type }) => type).sort()).toEqual([
    ...['task_created', 'task_created', 'task_created', 'task_created', 'task_deleted', 'task_deleted'],
    ...['task_due_soon', 'task_due_soon', 'task_priority_changed', 'task_updated'],
  ])
  await readAgain(t)
  await readAgain(t, 'tasks-reminders')
  await t.clock.advance('60d')
  await readAgain(t)
  await t.settled()
  expect(await told(t, listener)).toEqual(before)
  expect(await t.published(task_due_soon)).toHaveLength(1)
})

describe('that a task is due soon', () => {
  test('is told once, a day ahead, with the task as it is then', async () => {
    await using t = await startTasks()
    using listener = await listen(t, 'ann')
    const ann = await as(t, 'ann')
    const due_date = new Date(t.clock.now().getTime() + 30 * 3_600_000).toISOString()
    const { body: created } = await ann('POST', '/api/tasks', { title: 'tea', due_date })
    const { body: renamed } = await ann('PATCH', `/api/tasks/${created.id}`, { title: 'chai' })
    await t.clock.advance('7h')
    await listener.heard('task_due_soon', created.id)
    await t.clock.advance('48h')
    expect((await told(t, listener)).slice(2)).toEqual([{ type: 'task_due_soon', data: renamed }])
    expect(await t.published(task_due_soon)).toMatchObject([
      { data: { id: created.id, user_id: 'ann', title: 'chai', due_date, task_version: 2 } },
    ])
  })

  test('is not told of a task that was done while the reminder was on its way', async () => {
    await using t = await startTasks()
    using listener = await listen(t, 'ann')
    const ann = await as(t, 'ann')
    await operate(t, 'tasks-reminders', 'pause')
    const due_date = new Date(t.clock.now().getTime() + 3 * 3_600_000).toISOString()
    const { body } = await ann('POST', '/api/tasks', { title: 'tea', due_date })
    const fired = async () =>
      (await t.database.query("SELECT FROM millrace.outbox WHERE topic = 'tasks.reminders'")).rowCount
    await expect.poll(fired, soon).toBe(1)
    await ann('POST', `/api/tasks/${body.id}/complete`)
    await operate(t, 'tasks-reminders', 'resume')
    expect((await told(t, listener)).map(({ type }) => type)).toEqual(['task_created', 'task_completed'])
  })
})

describe('a page: first the data, then what changes it', () => {
  const writers = 4
  const perWriter = 15

  /** Does something to a task of its own, or puts what another program says of it on the topic. */
  async function write(t: TestApp, writer: number): Promise<void> {
    const ann = await as(t, 'ann')
    const foreign = `foreign-${writer}`
    await produce(t, { type: 'task_created', data: { id: foreign, user_id: 'ann', title: 'x' } }, foreign)
    for (let nth = 0; nth < perWriter; nth += 1) {
      const { body } = await ann('POST', '/api/tasks', { title: `${nth}` })
      await produce(t, { type: 'task_updated', data: { id: foreign, title: `${nth}` } }, foreign)
      await produce(t, { type: 'task_updated', data: { id: body.id, title: `${nth} by others` } }, body.id)
      await ann('PATCH', `/api/tasks/${body.id}`, { priority: 'high' })
      if (nth % 2) await ann('POST', `/api/tasks/${body.id}/complete`)
      if (nth % 3 === 0) await ann('DELETE', `/api/tasks/${body.id}`)
    }
  }

  /** What a page knows, kept by its updates; each has to be the next one of its task. */
  class Page {
    readonly tasks: Map<string, Message['data']>
    readonly #gone = new Set<string>()
    readonly wrong: unknown[] = []

    constructor(items: readonly Message['data'][]) {
      this.tasks = new Map(items.map((task) => [task.id, task]))
    }

    apply({ type, data }: Message): void {
      const known = this.tasks.get(data.id)
      const isNext = data.version === Number(known?.version ?? 0) + 1 && !this.#gone.has(data.id)
      if (!isNext) this.wrong.push({ type, version: data.version, known: known?.version, id: data.id })
      if (type === 'task_deleted') {
        this.tasks.delete(data.id)
        this.#gone.add(data.id)
      } else this.tasks.set(data.id, data)
    }
  }

  test('has every change once, while the API and other programs write', { timeout: 60_000 }, async () => {
    await using t = await startTasks()
    const ann = await as(t, 'ann')
    let isDone = false
    const writing = Promise.all(Array.from({ length: writers }, (_, nth) => write(t, nth))).then(() => {
      isDone = true
    })
    const readers: { readonly page: Page; readonly listener: Listener }[] = []
    while (!isDone && readers.length < 15) {
      const { body } = await ann('GET', '/api/tasks?limit=1000')
      readers.push({ page: new Page(body.items), listener: await listen(t, 'ann', { resume: body.at }) })
    }
    await writing
    await t.settled()
    const { body: last } = await ann('POST', '/api/tasks', { title: 'that is all' })
    const { body } = await ann('GET', '/api/tasks?limit=1000')
    const expected = body.items.toSorted(byId)
    expect(expected.length).toBeGreaterThan(writers * perWriter * 0.5)
    for (const { page, listener } of readers) {
      await listener.heard('task_created', last.id)
      for (const message of listener.messages) page.apply(message)
      expect(page.wrong).toEqual([])
      expect([...page.tasks.values()].toSorted(byId)).toEqual(expected)
      listener[Symbol.dispose]()
    }
    expect(readers.some(({ listener }) => listener.messages.length > 10)).toBe(true)
  })

  function byId(one: Pick<Task, 'id'>, other: Pick<Task, 'id'>): number {
    return one.id < other.id ? -1 : 1
  }

  test('is read also where there are no live updates, and anew once there are', async () => {
    await using api = await startTasks({ roles: ['api'] })
    await using worker = await startTasks({ roles: ['worker'], databaseUrl: api.databaseUrl })
    const { data, at } = await readLive(worker.millrace, async () => 'the data')
    expect(data).toBe('the data')
    using listener = await listen(api, 'ann', { resume: at })
    await expect.poll(() => listener.frames[1], soon).toMatchObject({ type: 'reset', reason: 'unknown' })
    const failing = readLive(api.millrace, async () => Promise.reject(new Error('the read itself')))
    await expect(failing).rejects.toThrow('the read itself')
  })

  test('hears `pong` to the bare `ping` of old clients', async () => {
    await using t = await startTasks()
    using listener = await listen(t, 'ann')
    listener.send('ping')
    await expect.poll(() => listener.frames.at(-1)?.type, soon).toBe('bare pong')
  })
})
