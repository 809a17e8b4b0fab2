import { createTestDatabase } from 'millrace/testing'
import { expect, test } from 'vitest'
import type { Task } from '../src/modules/tasks/task.ts'
import { as, listen, startTasks } from '../src/modules/tasks/tasks.fixture.ts'
import { addressOf, run, runScript } from '../src/process.fixture.ts'
import { dataFolder } from './data-folder.fixture.ts'
import { ScriptError } from './tasks/script.ts'
import { sendEvent } from './tasks/send-event.ts'

const timeout = 60_000
const soon = { timeout: 20_000 }

/** Registers somebody at a running app. */
async function register(url: string) {
  const post = async (path: string, body: object) => {
    const headers = { 'content-type': 'application/json' }
    return (await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })).json() as Promise<{
      readonly id: string
      readonly access_token: string
    }>
  }
  const ann = { email: 'ann@example.org', password: 'correct horse' }
  const { id } = await post('/api/auth/register', ann)
  const { access_token: token } = await post('/api/auth/login', ann)
  const tasks = async () => {
    const answer = await fetch(`${url}/api/tasks`, { headers: { authorization: `Bearer ${token}` } })
    return ((await answer.json()) as { readonly items: Task[] }).items
  }
  return { id, tasks }
}

test('sends each type in each shape, as another program does', { timeout }, async () => {
  await using t = await startTasks({ topicPartitions: 1 })
  using listener = await listen(t, 'ann')
  const send = (...given: string[]) => runScript('tasks-send-event', given, { DATABASE_URL: t.databaseUrl })
  const created = await send('--user', 'ann', '--title', 'tea', '--due', '2030-01-01')
  expect(created).toMatchObject({ status: 0, complained: '' })
  const [place = '', body = ''] = created.said.split('\n')
  expect(place).toBe('task-events, partition 0, offset 0, on the log in PostgreSQL:')
  const { event_type, data } = JSON.parse(body)
  expect([event_type, data]).toEqual([
    'task_created',
    { id: expect.any(String), user_id: 'ann', title: 'tea', due_date: '2030-01-01' },
  ])
  const about = (type: string, shape: string, ...given: string[]) =>
    send('--type', type, '--id', data.id, '--shape', shape, ...given)
  await about('task_updated', 'type/data', '--title', 'chai', '--description', 'green')
  await about('task_priority_changed', 'event_type/flat', '--priority', 'high')
  await about('task_due_soon', 'type/flat')
  await about('task_completed', 'type/flat', '--completed-at', '2029-12-31T00:00:00Z')
  const shown = (await (await as(t, 'ann'))('GET', `/api/tasks/${data.id}`)).body
  await about('task_deleted', 'event_type/data')
  await listener.heard('task_deleted', data.id)
  expect(listener.messages.map(({ type }) => type)).toEqual([
    ...['task_created', 'task_updated', 'task_priority_changed', 'task_due_soon', 'task_completed', 'task_deleted'],
  ])
  expect(listener.messages.at(-2)?.data).toMatchObject({
    ...{ title: 'chai', description: 'green', priority: 'high', due_date: '2030-01-01T00:00:00.000Z' },
    ...{ completed: true, completed_at: '2029-12-31T00:00:00.000Z', user_id: 'ann' },
  })
  expect(shown.id).toBe(data.id)
})

test('finds an app that runs on its own data on this machine', { timeout }, async () => {
  const DATA_DIR = await dataFolder()
  const url = await addressOf(run({ DATA_DIR, PORT: '0', MODULES: 'tasks' }))
  const ann = await register(url)
  const sent = await runScript('tasks-send-event', ['--user', ann.id, '--id', 'foreign'], { DATA_DIR })
  expect(sent).toMatchObject({ status: 0, complained: '' })
  await expect.poll(ann.tasks, soon).toMatchObject([{ id: 'foreign', title: 'From another program' }])
})

test('says how it is used, and what was wrong', async () => {
  const help = await runScript('tasks-send-event', ['--help'])
  expect([help.status, help.said]).toEqual([0, expect.stringMatching(/--shape <shape> +event_type\/data, type\/data/)])
  const wrong = await runScript('tasks-send-event', [])
  expect(wrong).toMatchObject({ status: 2, said: '' })
  expect(wrong.complained).toMatch(/^task_created needs --user: whose is it\?.*\n$/)
})

test.each([
  ['no task', ['--type', 'task_deleted'], /^task_deleted needs --id/],
  ['an unknown type', ['--type', 'task_painted'], /^There is no type "task_painted": task_created, /],
  ['an unknown shape', ['--user', 'a', '--shape', 'round'], /^There is no shape "round": event_type\/data, /],
  ['an unknown option', ['--colour', 'red'], /^Unknown option '--colour'.*\nSee --help/],
])('refuses %s', async (_what, given, message) => {
  const refused = sendEvent(given, {})
  await expect(refused).rejects.toThrow(ScriptError)
  await expect(refused).rejects.toThrow(message)
})

test('says where it has looked, where no app is to be found', async () => {
  const DATA_DIR = await dataFolder()
  const nowhere = await runScript('tasks-send-event', ['--user', 'a'], { DATA_DIR })
  expect([nowhere.status, nowhere.complained]).toEqual([
    2,
    expect.stringContaining(`no app runs on its own data in ${DATA_DIR}`),
  ])
  await using empty = await createTestDatabase()
  const unused = await runScript('tasks-send-event', ['--user', 'a'], { DATABASE_URL: empty.url })
  expect([unused.status, unused.complained]).toEqual([2, expect.stringContaining('start the app on it first')])
  const gone = { DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/d' }
  const unreachable = await runScript('tasks-send-event', ['--user', 'a'], gone)
  expect([unreachable.status, unreachable.complained]).toEqual([1, expect.stringContaining('ECONNREFUSED')])
  expect(unreachable.complained).not.toContain('hunter2')
})
