import { Client } from 'pg'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConsumer, defineModule, defineTopic, type Unit } from '../index.ts'
import { type TestApp, testApp } from '../testing/index.ts'

const orders = defineTopic('orders', {
  key: (event) => event.data.id,
  events: { Confirmed: z.object({ id: z.string(), n: z.int().optional() }) },
})
const { Confirmed } = orders.events
const modules = [defineModule({ name: 'orders', topics: [orders] })]

test('a timer fires when it is due, and not before', async () => {
  await using t = await testApp({ modules })
  await t.millrace.transaction(async (unit) => {
    unit.publishAfter('10s', Confirmed({ id: 'a' }), { name: 'confirm' })
    unit.publishAfter('20s', Confirmed({ id: 'b' }))
  })
  await t.settled()
  expect(await t.published(Confirmed)).toEqual([])
  await t.clock.advance('10s')
  await t.settled()
  expect(await t.published(Confirmed)).toMatchObject([{ data: { id: 'a' }, key: 'a' }])
  await t.clock.advance('10s')
  await t.settled()
  expect(await t.published(Confirmed)).toMatchObject([{ data: { id: 'a' } }, { data: { id: 'b' } }])
})

test('a timer is moved and cancelled by its name', async () => {
  await using t = await testApp({ modules })
  await t.millrace.transaction(async (unit) => {
    for (const id of ['a', 'b', 'c']) unit.publishAfter('10s', Confirmed({ id }), { name: 'confirm' })
  })
  await t.millrace.transaction(async (unit) => {
    unit.cancel(Confirmed, 'a', 'confirm')
    unit.publishAfter('5s', Confirmed({ id: 'b', n: 1 }), { name: 'confirm' })
  })
  await t.clock.advance('5s')
  await t.settled()
  expect(await t.published(Confirmed)).toMatchObject([{ data: { id: 'b', n: 1 } }])
  await t.clock.advance('1h')
  await t.settled()
  expect((await t.published(Confirmed)).map(({ data }) => data.id)).toEqual(['b', 'c'])
})

test('what is wrong with a timer is told at the call', async () => {
  await using t = await testApp({ modules })
  const stranger = defineTopic('stranger', { events: { Seen: z.object({}) } })
  const calls: [string, (unit: Unit) => void][] = [
    ['EVENT_UNKNOWN', (unit) => unit.publishAfter('1s', stranger.events.Seen({}))],
    ['EVENT_INVALID', (unit) => unit.publishAfter('1s', Confirmed({ id: 1 as never }))],
    ['DURATION_INVALID', (unit) => unit.publishAfter(-1, Confirmed({ id: 'a' }))],
    ['TIMER_INVALID', (unit) => unit.publishAfter(new Date(Number.NaN), Confirmed({ id: 'a' }))],
    ['TIMER_INVALID', (unit) => unit.publishAfter('40000d', Confirmed({ id: 'a' }))],
    ['TIMER_INVALID', (unit) => unit.publishAfter('1s', Confirmed({ id: 'a' }), { name: '' })],
    ['TIMER_INVALID', (unit) => unit.cancel(Confirmed, 'a', 'nul \0')],
  ]
  await t.millrace.transaction(async (unit) => {
    for (const [code, call] of calls) expect(() => call(unit)).toThrowError(expect.objectContaining({ code }))
  })
  const unit = await t.millrace.transaction(async (open) => open)
  expect(() => unit.publishAfter('1s', Confirmed({ id: 'a' }))).toThrowError(/after its function had ended/)
  expect((await t.database.query('SELECT FROM millrace.timer')).rowCount).toBe(0)
})

test('of several calls of one name in a unit the last counts; what is rolled back counts nowhere', async () => {
  await using t = await testApp({ modules })
  const named = { name: 'confirm' }
  await t.millrace.transaction(async (unit) => {
    unit.publishAfter('1s', Confirmed({ id: 'a', n: 1 }), named)
    unit.publishAfter('2s', Confirmed({ id: 'a', n: 2 }), named)
    unit.publishAfter('1s', Confirmed({ id: 'b', n: 1 }), named)
    unit.cancel(Confirmed, 'b', 'confirm')
    unit.cancel(Confirmed, 'c', 'confirm')
    unit.publishAfter('1s', Confirmed({ id: 'c', n: 1 }), named)
    unit.publishAfter('1s', Confirmed({ id: 'a', n: 3 }), { name: 'other' })
    const part = unit.attempt(async () => {
      unit.cancel(Confirmed, 'c', 'confirm')
      unit.publishAfter('1s', Confirmed({ id: 'd' }))
      throw new Error('undo')
    })
    await expect(part).rejects.toThrow('undo')
  })
  const undone = t.millrace.transaction(async (unit) => {
    unit.cancel(Confirmed, 'a', 'confirm')
    throw new Error('undo')
  })
  await expect(undone).rejects.toThrow('undo')
  await t.clock.advance('3s')
  await t.settled()
  const fired = (await t.published(Confirmed)).map(({ data }) => `${data.id}${data.n}`)
  expect(fired.toSorted()).toEqual(['a2', 'a3', 'c1'])
})

test('an event’s time is when it is due, and its id and cause are those of an event that is published', async () => {
  const causes: unknown[] = []
  const consumer = defineConsumer({
    name: 'confirm',
    topic: orders,
    on: {
      Confirmed: (event, unit) => {
        causes.push(event.headers['ce_causationid'])
        if (event.data.n === undefined) unit.publishAfter('10s', Confirmed({ id: event.data.id, n: 1 }))
      },
    },
  })
  await using t = await testApp({
    modules: [defineModule({ name: 'orders', topics: [orders], consumers: [consumer] })],
  })
  const before = t.clock.now().getTime()
  await t.millrace.transaction(async (unit) => unit.publishAfter('10s', Confirmed({ id: 'a' }, { id: 'first' })))
  await t.clock.advance('1h')
  await t.settled()
  await t.clock.advance('10s')
  await t.settled()
  const [first, second] = await t.published(Confirmed)
  expect(first).toMatchObject({ id: 'first', source: '/test/orders' })
  const late = (first?.time.getTime() ?? 0) - before - 10_000
  expect(late).toBeGreaterThanOrEqual(0)
  expect(late).toBeLessThan(5_000)
  expect(second?.time.getTime()).toBeGreaterThanOrEqual(before + 3_600_000 + 10_000)
  expect(causes).toEqual([undefined, 'first'])
})

test('timers of one due time fire in the order of the calls', async () => {
  await using t = await testApp({ modules })
  const at = new Date(Date.now() + 60_000)
  const numbers = Array.from({ length: 2_500 }, (_, n) => n)
  await t.millrace.transaction(async (unit) => {
    for (const n of numbers) unit.publishAfter(at, Confirmed({ id: 'a', n }), { name: `${n}` })
  })
  await t.clock.advance('61s')
  await t.settled()
  expect((await t.published(Confirmed)).map(({ data }) => data.n)).toEqual(numbers)
})

test('one that an open transaction holds keeps no other, and fires when it is let go of', async () => {
  await using t = await testApp({ modules })
  await t.millrace.transaction(async (unit) => {
    unit.publishAfter('10s', Confirmed({ id: 'held' }), { name: 'confirm' })
    unit.publishAfter('11s', Confirmed({ id: 'free' }), { name: 'confirm' })
  })
  await withOther(t, async (other) => {
    await other.query('BEGIN')
    await other.query(`SELECT FROM millrace.timer WHERE convert_from(key, 'UTF8') = 'held' FOR UPDATE`)
    await t.clock.advance('1m')
    await untilFired(t, ['free'])
    await other.query('ROLLBACK')
  })
  await t.settled()
  expect((await t.published(Confirmed)).map(({ data }) => data.id)).toEqual(['free', 'held'])
})

test('one that is committed long after it was due fires all the same', async () => {
  await using t = await testApp({ modules })
  await withOther(t, async (other) => {
    await t.millrace.transaction(async (unit) => unit.publishAfter('10s', Confirmed({ id: 'late' })))
    await other.query('BEGIN')
    await other.query('CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM millrace.timer')
    await other.query('DELETE FROM millrace.timer')
    await other.query('INSERT INTO millrace.timer SELECT * FROM kept')
    await t.millrace.transaction(async (unit) => unit.publishAfter('20s', Confirmed({ id: 'early' })))
    await t.clock.advance('1m')
    await untilFired(t, ['early'])
    // Its due time is a minute below what the leader looks at now.
    await other.query('COMMIT')
  })
  await t.settled()
  expect((await t.published(Confirmed)).map(({ data }) => data.id)).toEqual(['early', 'late'])
})

test('one that is set after the clock was set back fires by the clock as it is then', async () => {
  await using t = await testApp({ modules })
  await t.millrace.transaction(async (unit) => unit.publishAfter(0, Confirmed({ id: 'before' })))
  await t.settled()
  await t.clock.setBack('1h')
  await t.millrace.transaction(async (unit) => unit.publishAfter('10s', Confirmed({ id: 'after' })))
  await t.clock.advance('9s')
  await t.settled()
  expect((await t.published(Confirmed)).map(({ data }) => data.id)).toEqual(['before'])
  await t.clock.advance('1s')
  await t.settled()
  expect((await t.published(Confirmed)).map(({ data }) => data.id)).toEqual(['before', 'after'])
})

test('units that set and cancel the same timers in different orders do not deadlock', async () => {
  await using t = await testApp({ modules, roles: ['api'] })
  const ids = ['a', 'b', 'c', 'd']
  const units = Array.from({ length: 200 }, (_, n) =>
    t.millrace.transaction(async (unit) => {
      for (const id of n % 2 ? ids : ids.toReversed()) {
        if ((n + ids.indexOf(id)) % 3 === 0) unit.cancel(Confirmed, id, 'confirm')
        else unit.publishAfter('1h', Confirmed({ id, n }), { name: 'confirm' })
      }
    }),
  )
  await Promise.all(units)
  expect((await t.database.query('SELECT FROM millrace.timer')).rowCount).toBeLessThanOrEqual(ids.length)
})

test('a timer that another process has set for very soon does not wait for the next look', async () => {
  await using worker = await testApp({ modules, roles: ['worker'] })
  await using api = await testApp({ modules, roles: ['api'], databaseUrl: worker.databaseUrl })
  await worker.settled()
  const late: number[] = []
  for (let n = 0; n < 20; n += 1) {
    const began = performance.now()
    await api.millrace.transaction(async (unit) => unit.publishAfter('20ms', Confirmed({ id: 'a', n })))
    await untilFired(
      worker,
      Array.from({ length: n + 1 }, () => 'a'),
    )
    late.push(performance.now() - began - 20)
  }
  const median = late.toSorted((a, b) => a - b)[10] ?? 0
  expect(median).toBeLessThan(150)
})

test('operators see how many are pending, and how late', async () => {
  const http = { host: '127.0.0.1', port: 0, adminToken: 'of-the-operators' }
  await using t = await testApp({ modules, roles: ['api'], http })
  await t.millrace.transaction(async (unit) => {
    unit.publishAfter('10s', Confirmed({ id: 'a' }))
    unit.publishAfter('1h', Confirmed({ id: 'b' }))
  })
  await t.clock.advance('1m')
  const headers = { authorization: 'Bearer of-the-operators' }
  const answer = (await t.http.request({ method: 'GET', url: '/admin/timers', headers })).json()
  expect(answer).toMatchObject({ pending: 2, exact: true, overdue: 1 })
  expect(answer.oldestLateMs).toBeGreaterThanOrEqual(50_000)
  expect(answer.oldestLateMs).toBeLessThan(60_000)
})

async function withOther(t: TestApp, work: (other: Client) => Promise<void>): Promise<void> {
  const other = new Client({ connectionString: t.databaseUrl })
  await other.connect()
  try {
    await work(other)
  } finally {
    await other.end()
  }
}

async function untilFired(t: TestApp, ids: readonly string[]): Promise<void> {
  while ((await t.published(Confirmed)).length < ids.length) await new Promise((resolve) => setTimeout(resolve, 5))
  expect((await t.published(Confirmed)).map(({ data }) => data.id)).toEqual(ids)
}
