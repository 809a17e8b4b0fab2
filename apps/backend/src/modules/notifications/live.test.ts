import { expect, test } from 'vitest'
import { Listener } from '../../listener.fixture.ts'
import { notificationUpdates } from './channels.ts'
import { all, asked, noting, post, produce, start, stateCounts } from './notifications.fixture.ts'

test('what becomes of a notification is told to its user, however it was asked for', async () => {
  await using t = await start({}, { topicPartitions: 1 })
  using ada = await Listener.open(t, { channel: 'notifications', token: 'ada' })
  using bob = await Listener.open(t, { channel: 'notifications', token: 'bob' })
  const { id } = (await post(t)).json()
  await ada.heard('notification_sent', id)
  await produce(t, asked({ content: 'first' }))
  await produce(t, asked({ user_id: 'bob' }))
  await produce(t, asked({ content: 'second' }))
  await t.settled()
  const last = (await post(t)).json()
  await ada.heard('notification_sent', last.id)
  const shown = (await all(t)).filter(({ user_id }) => user_id === 'ada')
  expect(shown).toHaveLength(4)
  for (const notification of shown) {
    expect(ada.messages.filter(({ data }) => data.id === notification.id)).toEqual([
      { type: 'notification_created', data: { ...notification, state: 'unsent', attempts: 0, sent_at: null } },
      { type: 'notification_sent', data: notification },
    ])
  }
  expect(ada.messages).toHaveLength(8)
  await expect.poll(() => bob.messages.map(({ type }) => type)).toEqual(['notification_created', 'notification_sent'])
})

test('the same one asked for again, with its key, is told once', async () => {
  await using t = await start()
  await Promise.all(Array.from({ length: 5 }, () => post(t, asked(), 'a-key')))
  await t.settled()
  expect(await t.pushed(notificationUpdates, 'ada')).toMatchObject([
    { type: 'notification_created' },
    { type: 'notification_sent' },
  ])
})

test('each failed attempt is told, the last one as the last, and that it is sent again on request', async () => {
  let isDown = true
  const { sender } = noting(() => {
    if (isDown) throw new Error('not\ntoday')
  })
  await using t = await start({ sender, attempts: 2, retryAfter: '1m' })
  const { id } = (await post(t)).json()
  await t.settled()
  await t.clock.advance('2m')
  await t.settled()
  isDown = false
  const { body: retried } = await t.http.post(`/notifications/${id}/retry`)
  await t.settled()
  const told = await t.pushed(notificationUpdates, 'ada')
  expect(told).toMatchObject([
    { type: 'notification_created' },
    {
      type: 'notification_failed',
      data: { state: 'unsent', attempts: 1, last_error: 'not today', next_attempt_at: expect.any(String) },
    },
    { type: 'notification_failed', data: { state: 'failed', attempts: 2, next_attempt_at: null } },
    { type: 'notification_retried', data: JSON.parse(retried) },
    { type: 'notification_sent', data: { state: 'sent', attempts: 1, last_error: null } },
  ])
  expect(told.at(-1)?.data).toEqual((await t.http.get(`/notifications/${id}`)).json())
})

test('many that are sent again at once are told in pieces, each once, and are as many as was asked for', async () => {
  const { sender } = noting(() => {
    throw new Error('still not')
  })
  await using t = await start({ sender, attempts: 1 })
  await t.database.query(
    `INSERT INTO notifications.notification (user_id, event, content, state)
     SELECT 'ada', 'e', n::text, 'failed' FROM generate_series(1, 1300) n`,
  )
  expect((await t.http.post('/notifications/retry', { limit: 1_200 })).json()).toEqual({ retried: 1_200 })
  await expect.poll(() => stateCounts(t), { timeout: 20_000 }).toEqual({ failed: 1_300 })
  const told = await t.pushed(notificationUpdates, 'ada')
  const contentsOf = (type: string) => told.filter((one) => one.type === type).map(({ data }) => Number(data.content))
  const first = Array.from({ length: 1_200 }, (_, n) => n + 1)
  expect(contentsOf('notification_retried')).toEqual(first)
  expect(contentsOf('notification_failed').toSorted((a, b) => a - b)).toEqual(first)
})

test('the longest notification with the longest error fits into an update', async () => {
  const longest = { user_id: '\u0001'.repeat(200), event: '\u0001'.repeat(200), content: '\u0001'.repeat(10_000) }
  const { sender } = noting(() => {
    throw new Error('€'.repeat(2_000))
  })
  await using t = await start({ sender, attempts: 1 })
  expect((await post(t, longest)).statusCode).toBe(201)
  await t.settled()
  expect(await t.pushed(notificationUpdates, longest.user_id)).toMatchObject([
    { type: 'notification_created', data: longest },
    { type: 'notification_failed', data: { ...longest, state: 'failed', last_error: '€'.repeat(500) } },
  ])
})

test('a page of one user says where its updates go on; one of all users does not', async () => {
  await using t = await start()
  const before = (await post(t)).json()
  await t.settled()
  const page = (await t.http.get('/notifications?user_id=ada')).json()
  expect(page).toMatchObject({ items: [{ id: before.id, state: 'sent' }], next: null, at: expect.any(String) })
  expect((await t.http.get('/notifications')).json().at).toBeNull()
  const after = (await post(t)).json()
  await t.settled()
  using ada = await Listener.open(t, { channel: 'notifications', token: 'ada', resume: page.at })
  await ada.heard('notification_sent', after.id)
  expect(ada.messages.map(({ data }) => data.id)).toEqual([after.id, after.id])
})
