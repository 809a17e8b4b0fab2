import { type TestApp, testApp } from 'millrace/testing'
import { expect, test } from 'vitest'
import { bind } from '../../database.ts'
import { tasks } from '../tasks/module.ts'
import { adminToken, as, authenticate, operate, produce, readAgain } from '../tasks/tasks.fixture.ts'
import { notificationUpdates } from './channels.ts'
import { all, moduleWith, noting } from './notifications.fixture.ts'

function start({ sent }: { readonly sent?: ReturnType<typeof noting> } = {}): Promise<TestApp> {
  const notifications = moduleWith({ ofDueTasks: true, ...(sent && { sender: sent.sender }) })
  return testApp({
    modules: [tasks({ dueSoonBefore: '24h' }), notifications],
    bind,
    http: { host: '127.0.0.1', port: 0, adminToken, authenticate },
  })
}

const inHours = (t: TestApp, hours: number) => new Date(t.clock.now().getTime() + hours * 3_600_000).toISOString()

test('users are notified of a task that is due soon: once, sent and told, however often the event is read', async () => {
  const noted = noting()
  await using t = await start({ sent: noted })
  const ann = await as(t, 'ann')
  const due_date = inHours(t, 30)
  const { body: task } = await ann('POST', '/api/tasks', { title: 'tea', due_date })
  await ann('PATCH', `/api/tasks/${task.id}`, { title: 'chai' })
  await t.settled()
  expect(await all(t)).toEqual([])
  await t.clock.advance('7h')
  await t.settled()
  const content = `“chai” is due on ${due_date.slice(0, 10)} at ${due_date.slice(11, 16)} UTC.`
  const once = [{ userId: 'ann', event: 'task_due_soon', content }]
  expect(noted.sent).toMatchObject(once)
  expect(await all(t)).toMatchObject([{ user_id: 'ann', event: 'task_due_soon', content, state: 'sent' }])
  const told = [{ type: 'notification_created' }, { type: 'notification_sent' }]
  expect(await t.pushed(notificationUpdates, 'ann')).toMatchObject(told)

  for (const consumer of ['tasks', 'tasks-reminders', 'notifications-due-tasks']) await readAgain(t, consumer)
  expect(noted.sent).toHaveLength(1)
  expect(await t.pushed(notificationUpdates, 'ann')).toHaveLength(2)

  const moved = inHours(t, 50)
  await ann('PATCH', `/api/tasks/${task.id}`, { due_date: moved })
  await t.clock.advance('27h')
  await t.settled()
  expect(noted.sent.map(({ content }) => content)).toEqual([content, expect.stringContaining(moved.slice(0, 10))])
})

test('not of what other programs say is due, nor of what is past when the event is read, nor of what was done', async () => {
  await using t = await start()
  const ann = await as(t, 'ann')
  await operate(t, 'notifications-due-tasks', 'pause')
  const past = { title: 'past by then', due_date: inHours(t, 2) }
  await ann('POST', '/api/tasks', past)
  const { body: done } = await ann('POST', '/api/tasks', { title: 'done', due_date: inHours(t, 40) })
  await ann('POST', `/api/tasks/${done.id}/complete`)
  await produce(t, { type: 'task_due_soon', data: { id: done.id, user_id: 'ann', due_date: inHours(t, 40) } }, done.id)
  await t.clock.advance('20h')
  await operate(t, 'notifications-due-tasks', 'resume')
  await ann('POST', '/api/tasks', { title: 'soon', due_date: inHours(t, 1) })
  await t.settled()
  expect((await all(t)).map(({ content }) => content)).toEqual([expect.stringContaining('soon')])
})
