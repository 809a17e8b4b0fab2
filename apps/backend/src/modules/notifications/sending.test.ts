import type { TestApp } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { admin, all, asked, counted, noting, post, produce, start, stateCounts } from './notifications.fixture.ts'
import { type Answer, startReceiver } from './receiver.fixture.ts'
import { startMailServer } from './senders/mail-server.fixture.ts'

/** So seldom that no tick comes by itself. */
const never = '366d'
const soon = { timeout: 25_000 }

const webhook = (url: string) => ({ kind: 'webhook', url, secret: 'a secret' }) as const

/** Holds notifications back until `resume`. */
async function startPaused(...[options, appOptions]: Parameters<typeof start>): Promise<TestApp> {
  const t = await start({ sendEvery: never, ...options }, appOptions)
  await admin(t, 'POST', '/consumers/notifications-rounds/pause')
  return t
}

const resume = (t: TestApp) => admin(t, 'POST', '/consumers/notifications-rounds/resume')

test('a thousand records are claimed in rounds of 100, the oldest first; one that fails holds up no other', {
  timeout: 90_000,
}, async () => {
  const { sent, sender } = noting(({ content }) => {
    if (content === '7') throw new Error('not this one')
  })
  await using t = await startPaused({ sender })
  const numbers = Array.from({ length: 1_000 }, (_, n) => `${n}`)
  await Promise.all(numbers.map((content) => produce(t, asked({ content }))))
  await expect.poll(() => stateCounts(t), soon).toEqual({ unsent: 1_000 })
  await resume(t)
  await expect.poll(() => stateCounts(t), soon).toEqual({ sent: 999, unsent: 1 })

  const { rows: rounds } = await t.database.query<{ size: number; first: string; last: string }>(
    `SELECT count(*)::int AS size, min(seq)::text AS first, max(seq)::text AS last
       FROM notifications.notification GROUP BY claimed_at ORDER BY claimed_at`,
  )
  expect(rounds.map(({ size }) => size)).toEqual(Array.from({ length: 10 }, () => 100))
  expect(rounds.map(({ first, last }) => [Number(first), Number(last)])).toEqual(
    Array.from({ length: 10 }, (_, n) => [n * 100 + 1, n * 100 + 100]),
  )
  expect(sent.map(({ content }) => content).toSorted()).toEqual(numbers.filter((n) => n !== '7').toSorted())
  const [failed] = (await all(t)).filter(({ state }) => state === 'unsent')
  expect(failed).toMatchObject({ content: '7', attempts: 1, last_error: 'not this one' })
})

/** How many partitions of the sending consumer a process has. */
async function sharesOf(t: TestApp): Promise<number> {
  const { consumers } = (await t.http.get('/health/progress')).json()
  return consumers.find(({ name }: { name: string }) => name === 'notifications-send').partitions.length
}

describe('two instances', () => {
  test('do not send one twice', async () => {
    const { received, url } = await startReceiver()
    await using one = await start({ sender: webhook(`${url}/one`) })
    await using two = await start({ sender: webhook(`${url}/two`) }, { databaseUrl: one.databaseUrl })
    await expect.poll(async () => [await sharesOf(one), await sharesOf(two)], soon).toEqual([2, 2])
    await Promise.all(Array.from({ length: 300 }, (_, n) => post(n % 2 ? one : two, asked({ content: `${n}` }))))
    // Sweeps of both, beside the rounds.
    for (const t of [one, two, one]) await admin(t, 'POST', '/schedules/notifications-send/run')
    await expect.poll(() => stateCounts(one), soon).toEqual({ sent: 300 })
    expect(received).toHaveLength(300)
    expect(new Set(received.map(({ key }) => key)).size).toBe(300)
    expect(new Set(received.map(({ path }) => path))).toEqual(new Set(['/hook/one', '/hook/two']))
  })

  test('do not send one twice that takes long', async () => {
    const release = Promise.withResolvers<void>()
    const { received, url } = await startReceiver(async ({ body }) => {
      if (body.includes('slow')) await release.promise
      return 204
    })
    await using one = await start({ sender: webhook(url) })
    await using two = await start({ sender: webhook(url) }, { databaseUrl: one.databaseUrl })
    await expect.poll(async () => [await sharesOf(one), await sharesOf(two)], soon).toEqual([2, 2])
    await Promise.all(Array.from({ length: 20 }, (_, n) => post(one, asked({ content: n === 3 ? 'slow' : 'quick' }))))
    // It is left, and looked at again, perhaps by the other process, while the first attempt is under way.
    const parked = async () => (await one.database.query('SELECT FROM millrace.parked')).rowCount
    await expect.poll(parked, soon).toBe(1)
    release.resolve()
    await expect.poll(() => stateCounts(one), soon).toEqual({ sent: 20 })
    await expect.poll(parked, soon).toBe(0)
    expect(received).toHaveLength(20)
  })
})

describe('a receiver that is down', () => {
  test('is tried again with growing waiting times, then the notification has failed, until somebody has it sent again', async () => {
    const gone = await startReceiver()
    await gone.stop()
    await using t = await start({ sender: webhook(gone.url), attempts: 3, retryAfter: '1m' })
    const { id } = (await post(t)).json()
    const shown = async () => (await t.http.get(`/notifications/${id}`)).json()
    for (const [attempts, longestMs] of [
      [1, 60_000],
      [2, 120_000],
    ] as const) {
      await t.settled()
      const notification = await shown()
      expect(notification).toMatchObject({
        state: 'unsent',
        attempts,
        last_error: 'the webhook cannot be reached: ECONNREFUSED',
      })
      const waitMs = Date.parse(notification.next_attempt_at) - t.clock.now().getTime()
      expect(waitMs).toBeGreaterThan(longestMs / 2 - 5_000)
      expect(waitMs).toBeLessThanOrEqual(longestMs)
      const early = await t.http.post(`/notifications/${id}/retry`)
      expect([early.statusCode, early.json().code]).toEqual([409, 'CHANGE_REFUSED'])
      await t.clock.advance('3m')
    }
    await t.settled()
    expect(await shown()).toMatchObject({ state: 'failed', attempts: 3, next_attempt_at: null })
    await t.clock.advance('2h')
    await t.settled()
    expect(await shown()).toMatchObject({ state: 'failed', attempts: 3 })

    const { received } = await startReceiver(undefined, Number(new URL(gone.url).port))
    const again = await t.http.post(`/notifications/${id}/retry`)
    expect([again.statusCode, again.json()]).toMatchObject([200, { state: 'unsent', attempts: 0 }])
    await t.settled()
    expect(await shown()).toMatchObject({ state: 'sent', attempts: 1, last_error: null })
    expect(received.map(({ key }) => key)).toEqual([id])
  })

  test('has what failed meanwhile sent again at once, by event and user', async () => {
    let isDown = true
    const { received, url } = await startReceiver(() => (isDown ? 503 : 204))
    await using t = await start({ sender: webhook(url), attempts: 1 })
    for (const event of ['a', 'b']) for (const user_id of ['ada', 'bob']) await post(t, asked({ event, user_id }))
    await t.settled()
    expect(await stateCounts(t)).toEqual({ failed: 4 })
    isDown = false
    const retry = async (body: object) => (await t.http.post('/notifications/retry', body)).json()
    expect(await retry({ event: 'c' })).toEqual({ retried: 0 })
    expect(await retry({ event: 'a', user_id: 'bob' })).toEqual({ retried: 1 })
    await t.settled()
    expect(JSON.parse(received.at(-1)?.body ?? '')).toMatchObject({ event: 'a', user_id: 'bob' })
    expect(await retry({ limit: 2 })).toEqual({ retried: 2 })
    expect(await retry({})).toEqual({ retried: 1 })
    await t.settled()
    expect(await stateCounts(t)).toEqual({ sent: 4 })
    expect([await counted(t, 'notifications_sent'), await counted(t, 'notifications_attempts_failed')]).toEqual([4, 4])
  })

  test('is not asked again when it refuses for good', async () => {
    const { received, url } = await startReceiver(({ body }) => (body.includes('bad') ? 422 : 204))
    await using t = await start({ sender: webhook(url) })
    await post(t, asked({ content: 'bad' }))
    await post(t, asked({ content: 'good' }))
    await t.settled()
    expect(await stateCounts(t)).toEqual({ failed: 1, sent: 1 })
    expect(received).toHaveLength(2)
    expect((await all(t))[0]).toMatchObject({ attempts: 1, last_error: 'the webhook answered 422' })
  })

  test('does not hold a process that stops, nor the notification: it is sent by the next one', async () => {
    const stuck = await startReceiver(() => new Promise(() => {}))
    await using one = await start({ sender: webhook(stuck.url), sendTimeout: '500ms' })
    await post(one)
    await expect.poll(() => stuck.received.length, soon).toBe(1)
    await one.app.stop()
    const { received, url } = await startReceiver()
    await using two = await start({ sender: webhook(url), sendTimeout: '500ms' }, { databaseUrl: one.databaseUrl })
    await expect.poll(() => stateCounts(two), soon).toEqual({ sent: 1 })
    expect(received.map(({ key }) => key)).toEqual(stuck.received.map(({ key }) => key))
  })
})

test('a process that stops in the middle of a batch has written down what it sent: none of that is sent again', async () => {
  const answer: Answer = ({ body }) => (body.includes('stuck') ? new Promise<never>(() => {}) : 204)
  const { received, url } = await startReceiver(answer)
  const options = { sender: webhook(url), sendTimeout: '500ms' } as const
  await using one = await startPaused(options, { topicPartitions: 1 })
  await Promise.all(Array.from({ length: 12 }, (_, n) => post(one, asked({ content: n === 3 ? 'stuck' : 'quick' }))))
  await resume(one)
  await expect.poll(() => received.length, soon).toBe(12)
  await one.app.stop()

  await using two = await start(options, { databaseUrl: one.databaseUrl, topicPartitions: 1 })
  const count = (content: string) => received.filter(({ body }) => body.includes(content)).length
  await expect.poll(() => count('stuck'), soon).toBe(2)
  await expect.poll(() => stateCounts(two), soon).toEqual({ sent: 11, unsent: 1 })
  expect(count('quick')).toBe(11)
})

test('what is claimed is mailed, under its id', async () => {
  const { mails, port } = await startMailServer()
  const sender = {
    kind: 'smtp',
    url: `smtp://127.0.0.1:${port}`,
    from: 'app@example.com',
    to: '{user_id}@b.example',
  } as const
  await using t = await start({ sender })
  const { id } = (await post(t)).json()
  await t.settled()
  expect(await stateCounts(t)).toEqual({ sent: 1 })
  expect(mails).toMatchObject([
    { to: ['ada@b.example'], headers: { 'message-id': `<${id}@example.com>`, subject: 'order_shipped' } },
  ])
})

test('a claim whose event is lost is given back after an hour; where the event comes after all, it sends nothing', async () => {
  const { sent, sender } = noting()
  await using t = await start({ sender, sendEvery: '1m' })
  await admin(t, 'POST', '/consumers/notifications-send/pause')
  await post(t)
  await expect.poll(() => stateCounts(t), soon).toEqual({ sending: 1 })
  const claims = async () => (await t.database.query('SELECT claim FROM notifications.notification')).rows
  await t.clock.advance('59m')
  await expect.poll(claims, soon).toEqual([{ claim: 1 }])
  await t.clock.advance('2m')
  await expect.poll(claims, soon).toEqual([{ claim: 2 }])
  await admin(t, 'POST', '/consumers/notifications-send/resume')
  await t.settled()
  expect(await stateCounts(t)).toEqual({ sent: 1 })
  expect(sent).toHaveLength(1)
})
