import type { TestApp } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { admin, all, asked, counted, noting, post, start, stateCounts } from './notifications.fixture.ts'

interface Schedule {
  readonly name: string
  readonly timeTable: string
  readonly runs: number
  readonly skipped: number
  readonly lastTickAt: string
}

async function scheduleOf(t: TestApp, name: string): Promise<Schedule> {
  const { items } = (await admin(t, 'GET', '/schedules')).json()
  return items.find((one: Schedule) => one.name === name)
}

/** Sets the clock to a second after a whole hour. */
async function align({ clock }: TestApp, worker: TestApp): Promise<number> {
  const hour = Math.ceil(clock.now().getTime() / 3_600_000) * 3_600_000
  await clock.advance(hour + 1_000 - clock.now().getTime())
  await worker.settled()
  return hour
}

test('the three schedules tick every 30 s, 5 min and 15 min', async () => {
  await using t = await start()
  const hour = await align(t, t)
  const names = ['notifications-send', 'notifications-statistics', 'notifications-cleanup']
  const before = await Promise.all(names.map((name) => scheduleOf(t, name)))
  for (let minute = 0; minute < 15; minute += 0.5) {
    await t.clock.advance('30s')
    await t.settled()
  }
  const after = await Promise.all(names.map((name) => scheduleOf(t, name)))
  expect(after.map(({ runs }, n) => runs - (before[n]?.runs ?? 0))).toEqual([30, 3, 1])
  expect(after.map(({ lastTickAt }) => Date.parse(lastTickAt) - hour)).toEqual([900_000, 900_000, 900_000])
})

describe('the schedule notifications-send', () => {
  test('skips the ticks that a clock set on by an hour has jumped over, and goes on when it is set back', async () => {
    const { sent, sender } = noting()
    await using t = await start({ sender })
    await align(t, t)
    const before = await scheduleOf(t, 'notifications-send')
    await t.clock.advance('1h')
    await t.settled()
    const jumped = await scheduleOf(t, 'notifications-send')
    expect([jumped.runs - before.runs, jumped.skipped - before.skipped]).toEqual([1, 119])

    await t.clock.setBack('1h')
    await t.settled()
    await post(t)
    await t.settled()
    expect(sent).toHaveLength(1)
    await insertUnseen(t)
    // The first look arms it anew, the next tick runs.
    await expect
      .poll(async () => {
        await t.clock.advance('30s')
        return sent.length
      })
      .toBe(2)
    expect((await scheduleOf(t, 'notifications-send')).runs).toBeGreaterThan(jumped.runs)
  })

  test('sends what nobody was woken for, also what came while no process was there', async () => {
    const { sent, sender } = noting()
    await using t = await start({}, { roles: ['api'] })
    const { databaseUrl } = t
    await using first = await start({ sender }, { databaseUrl })
    await align(t, first)
    const { runs, skipped } = await scheduleOf(t, 'notifications-send')
    await first.app.stop()
    await insertUnseen(t)
    await t.clock.advance('10m')
    await using second = await start({ sender }, { databaseUrl })
    await second.settled()
    expect(sent).toHaveLength(1)
    const after = await scheduleOf(t, 'notifications-send')
    expect([after.runs - runs, after.skipped - skipped]).toEqual([1, 19])
  })
})

/** A row that some program has written past the app: nothing wakes the sender. */
async function insertUnseen(t: TestApp): Promise<void> {
  await t.database.query(
    "INSERT INTO notifications.notification (user_id, event, content) VALUES ('ada', 'unseen', 'By hand.')",
  )
}

test('the schedule notifications-statistics counts by event and state', async () => {
  const { sender } = noting(({ content }) => {
    if (content === 'bad') throw new Error('not this one')
  })
  await using t = await start({ sender, attempts: 1 })
  expect((await t.http.get('/notifications/statistics')).json()).toEqual({ items: [] })
  for (const content of ['good', 'good', 'bad']) await post(t, asked({ content }))
  await post(t, asked({ event: 'welcome' }))
  await t.settled()
  await t.clock.advance('5m')
  await t.settled()
  expect((await t.http.get('/notifications/statistics')).json().items).toEqual([
    { event: 'order_shipped', unsent: 0, sent: 2, failed: 1, taken_at: expect.any(String) },
    { event: 'welcome', unsent: 0, sent: 1, failed: 0, taken_at: expect.any(String) },
  ])
})

test('the schedule notifications-cleanup removes what was sent long ago, and keeps what has failed', async () => {
  const { sender } = noting(({ content }) => {
    if (content === 'bad') throw new Error('not this one')
  })
  await using t = await start({ sender, attempts: 1, keepSent: '1d' })
  await post(t, asked({ content: 'old' }))
  await post(t, asked({ content: 'bad' }))
  await t.settled()
  await t.clock.advance('23h')
  await t.settled()
  await post(t, asked({ content: 'new' }))
  await t.settled()
  await t.clock.advance('2h')
  await t.settled()
  expect((await all(t)).map(({ content }) => content)).toEqual(['bad', 'new'])
  expect(await stateCounts(t)).toEqual({ failed: 1, sent: 1 })
  expect(await counted(t, 'notifications_removed')).toBe(1)
})
