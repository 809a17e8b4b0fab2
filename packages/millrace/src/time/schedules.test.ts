import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import {
  type Duration,
  defineConsumer,
  defineModule,
  defineSchedule,
  defineTopic,
  type MissedTicks,
  type Schedule,
  type Tick,
} from '../index.ts'
import { type TestApp, type TestAppOptions, testApp } from '../testing/index.ts'

const adminToken = 'of-the-operators'
const http = { host: '127.0.0.1', port: 0, adminToken }

function start(schedules: readonly Schedule[], options: Partial<TestAppOptions> = {}): Promise<TestApp> {
  return testApp({ modules: [defineModule({ name: 'ticking', schedules })], http, ...options })
}

interface Noting {
  readonly every?: Duration
  readonly missed?: MissedTicks
}

/** A schedule that notes its ticks. */
function noting(ticks: Tick[], { every = '30s', missed = 'skip' }: Noting = {}) {
  const name = 'note'
  return defineSchedule(name, { every, missed, run: (_unit, tick) => void ticks.push(tick) })
}

/** Sets the clock to a second after a whole minute, so that ticks are where a test expects them. */
async function align(t: TestApp): Promise<number> {
  const minute = Math.ceil(t.clock.now().getTime() / 60_000) * 60_000
  await t.clock.advance(minute + 1_000 - t.clock.now().getTime())
  await t.settled()
  return minute
}

function timesOf(ticks: readonly Tick[]): number[] {
  return ticks.map(({ scheduledAt }) => scheduledAt.getTime())
}

interface Item {
  readonly name: string
  readonly timeTable: string
  readonly defined: boolean
  readonly dueAt: string
  readonly requested: boolean
  readonly lastError: string | null
  readonly runs: number
  readonly failures: number
  readonly skipped: number
}

function admin(t: TestApp, method: 'GET' | 'POST', path: string) {
  return t.http.request({ method, url: `/admin${path}`, headers: { authorization: `Bearer ${adminToken}` } })
}

async function itemOf(t: TestApp, name = 'note'): Promise<Item> {
  const { items } = (await admin(t, 'GET', '/schedules')).json() as { items: Item[] }
  const item = items.find((one) => one.name === name)
  if (!item) throw new Error(`schedule ${name} is not listed`)
  return item
}

/** Waits until the schedule is listed as it should be; nothing else tells that it was armed. */
async function untilListed(t: TestApp, holds: (item: Item) => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds(await itemOf(t)))) await new Promise((resolve) => setTimeout(resolve, 10))
}

test('a schedule runs at each tick of its time-table, and does not drift', async () => {
  const ticks: Tick[] = []
  await using t = await start([noting(ticks)])
  const minute = await align(t)
  ticks.length = 0
  for (let n = 0; n < 3; n += 1) {
    await t.clock.advance('30s')
    await t.settled()
  }
  expect(timesOf(ticks)).toEqual([minute + 30_000, minute + 60_000, minute + 90_000])
  expect(ticks).toMatchObject(ticks.map(() => ({ skipped: 0, requested: false })))
})

test('what a run writes and publishes commits with its tick', async () => {
  const topic = defineTopic('ran', { events: { Ran: z.object({ at: z.string() }) } })
  const handled: string[] = []
  const consumer = defineConsumer({ name: 'ran', topic, on: { Ran: ({ data }) => void handled.push(data.at) } })
  const schedule = defineSchedule('publishing', {
    every: '30s',
    run: async (unit, { scheduledAt }) => {
      await unit.db.query('INSERT INTO ran VALUES ($1)', [scheduledAt])
      unit.publish(topic.events.Ran({ at: scheduledAt.toISOString() }))
    },
  })
  await using t = await testApp({
    modules: [defineModule({ name: 'm', topics: [topic], consumers: [consumer], schedules: [schedule] })],
  })
  await t.database.query('CREATE TABLE ran (at timestamptz PRIMARY KEY)')
  const minute = await align(t)
  handled.length = 0
  await t.clock.advance('30s')
  await t.settled()
  expect(handled).toEqual([new Date(minute + 30_000).toISOString()])
})

describe('ticks that came while nothing could run', () => {
  test('are skipped but for the latest, and counted', async () => {
    const ticks: Tick[] = []
    await using t = await start([noting(ticks)])
    const minute = await align(t)
    const { skipped } = await itemOf(t)
    ticks.length = 0
    await t.clock.advance('1h')
    await t.settled()
    expect(ticks).toEqual([{ scheduledAt: new Date(minute + 3_600_000), skipped: 119, requested: false }])
    expect((await itemOf(t)).skipped).toBe(skipped + 119)
  })

  test('run one after the other where they are caught up with', async () => {
    const ticks: Tick[] = []
    await using t = await start([noting(ticks, { missed: 'catch-up' })])
    const minute = await align(t)
    ticks.length = 0
    await t.clock.advance('5m')
    await t.settled()
    expect(timesOf(ticks)).toEqual(Array.from({ length: 10 }, (_, n) => minute + (n + 1) * 30_000))
    expect(await itemOf(t)).toMatchObject({ skipped: 0 })
  })

  test('are known over a restart', async () => {
    const ticks: Tick[] = []
    await using first = await start([noting(ticks)])
    const minute = await align(first)
    await first.app.stop()
    ticks.length = 0
    await using t = await start([noting(ticks)], { databaseUrl: first.databaseUrl })
    await t.clock.advance(minute + 61_000 - Date.now())
    await t.settled()
    expect(timesOf(ticks).at(-1)).toBe(minute + 60_000)
    expect((ticks.at(-1)?.skipped ?? 0) + ticks.length).toBe(2)
  })
})

describe('a clock', () => {
  test('that is set back by an hour silences nothing', async () => {
    const ticks: Tick[] = []
    await using t = await start([noting(ticks)])
    const minute = await align(t)
    ticks.length = 0
    await t.clock.setBack('1h')
    await untilListed(t, ({ dueAt }) => Date.parse(dueAt) === minute - 3_600_000 + 30_000)
    await t.clock.advance('30s')
    await t.settled()
    expect(timesOf(ticks)).toEqual([minute - 3_600_000 + 30_000])
  })

  test('that is set back by a little repeats no tick', async () => {
    const ticks: Tick[] = []
    await using t = await start([noting(ticks)])
    const minute = await align(t)
    ticks.length = 0
    // Before the tick at the minute, which has run.
    await t.clock.setBack('10s')
    // It is looked at then: this run shows that.
    await admin(t, 'POST', '/schedules/note/run')
    await t.settled()
    expect(ticks.splice(0)).toMatchObject([{ requested: true }])
    await t.clock.advance('10s')
    await t.settled()
    expect(ticks).toEqual([])
    await t.clock.advance('30s')
    await t.settled()
    expect(timesOf(ticks)).toEqual([minute + 30_000])
  })
})

test('a daily run happens once on the days on which clocks change', async () => {
  const ticks: Tick[] = []
  const daily = defineSchedule('daily', {
    cron: '30 2 * * *',
    timeZone: 'Europe/Berlin',
    run: (_unit, tick) => void ticks.push(tick),
  })
  await using t = await start([daily])
  await t.clock.advance(Date.parse('2027-10-29T12:00:00Z') - t.clock.now().getTime())
  await t.settled()
  ticks.length = 0
  for (let day = 0; day < 3; day += 1) {
    await t.clock.advance('1d')
    await t.settled()
  }
  expect(ticks.map(({ skipped }) => skipped)).toEqual([0, 0, 0])
  expect(timesOf(ticks).map((time) => new Date(time).toISOString())).toEqual([
    '2027-10-30T00:30:00.000Z',
    '2027-10-31T00:30:00.000Z',
    '2027-11-01T01:30:00.000Z',
  ])
})

describe('a run that fails', () => {
  test('has no effect, is counted and shown, and is tried again later, no more than now and then', async () => {
    let isFailing = true
    let tries = 0
    const failing = defineSchedule('failing', {
      cron: '0 * * * *',
      run: async (unit) => {
        tries += 1
        await unit.db.query('INSERT INTO ran (n) VALUES ($1)', [tries])
        if (isFailing) throw new Error('it does not work\0')
      },
    })
    await using t = await start([failing])
    await t.database.query('CREATE TABLE ran (n int PRIMARY KEY)')
    await t.clock.advance('1h')
    await t.settled()
    // Looked at again and again, it waits for its back-off.
    for (let looks = 0; looks < 20; looks += 1) await t.clock.advance(0)
    await t.settled()
    expect(tries).toBe(1)
    expect(await itemOf(t, 'failing')).toMatchObject({ runs: 0, failures: 1, lastError: 'it does not work' })
    isFailing = false
    await t.clock.advance('2s')
    await t.settled()
    expect((await t.database.query('SELECT n FROM ran')).rows).toEqual([{ n: 2 }])
    expect(await itemOf(t, 'failing')).toMatchObject({ runs: 1, failures: 1, lastError: null })
  })

  test('at COMMIT is no different', async () => {
    const deferred = defineSchedule('deferred', {
      cron: '0 * * * *',
      run: async (unit) => void (await unit.db.query('INSERT INTO ran VALUES (1), (1)')),
    })
    await using t = await start([deferred])
    await t.database.query('CREATE TABLE ran (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)')
    await t.clock.advance('1h')
    await t.settled()
    expect(await itemOf(t, 'deferred')).toMatchObject({ runs: 0, failures: 1, lastError: /duplicate key/ })
  })

  test('is not put off beyond the next tick', async () => {
    const ticks: Tick[] = []
    const failing = defineSchedule('failing', {
      every: '1s',
      run: (_unit, tick) => {
        ticks.push(tick)
        throw new Error('again')
      },
    })
    await using t = await start([failing])
    const minute = await align(t)
    for (let n = 1; n <= 10; n += 1) {
      await t.clock.advance('1s')
      await t.settled()
    }
    expect(Math.max(...timesOf(ticks))).toBeGreaterThanOrEqual(minute + 10_000)
  })
})

describe('run now', () => {
  test('runs once, and does not shift the time-table', async () => {
    const ticks: Tick[] = []
    await using t = await start([noting(ticks, { every: '1d' })])
    const { dueAt } = await itemOf(t)
    await using second = await start([noting(ticks, { every: '1d' })], { databaseUrl: t.databaseUrl })
    const answer = await admin(second, 'POST', '/schedules/note/run')
    expect(answer.statusCode).toBe(202)
    await t.settled()
    expect(ticks).toEqual([{ scheduledAt: expect.any(Date), skipped: 0, requested: true }])
    expect(await itemOf(t)).toMatchObject({ dueAt, runs: 1, requested: false })
  })

  test('of one that fails is not tried again by itself', async () => {
    let tries = 0
    const failing = defineSchedule('failing', {
      every: '1d',
      run: () => {
        tries += 1
        throw new Error('no')
      },
    })
    await using t = await start([failing])
    await admin(t, 'POST', '/schedules/failing/run')
    await t.settled()
    await t.clock.advance(0)
    await t.settled()
    expect(tries).toBe(1)
    expect(await itemOf(t, 'failing')).toMatchObject({ runs: 0, failures: 1, requested: false, lastError: 'no' })
  })

  test('of a schedule that is none is refused by name', async () => {
    await using t = await start([])
    const answer = await admin(t, 'POST', '/schedules/nothing/run')
    expect(answer.json()).toMatchObject({ status: 404, code: 'SCHEDULE_UNKNOWN' })
  })
})

describe('a definition', () => {
  test('that was changed is armed anew at start', async () => {
    const ticks: Tick[] = []
    await using first = await start([noting(ticks, { every: '1d' })])
    const databaseUrl = first.databaseUrl
    await first.app.stop()
    await using t = await start([noting(ticks, { every: '30s' })], { databaseUrl })
    const { timeTable, dueAt } = await itemOf(t)
    expect(timeTable).toBe('every 30000 ms')
    expect(Date.parse(dueAt) - Date.now()).toBeLessThanOrEqual(30_000)
  })

  test('of two versions side by side is the newer one’s, and does not change back', async () => {
    const old: Tick[] = []
    const young: Tick[] = []
    await using t = await start([noting(old, { every: '7s' })])
    await using second = await start([noting(young, { every: '30s' })], { databaseUrl: t.databaseUrl })
    await align(second)
    old.length = 0
    young.length = 0
    for (let n = 0; n < 4; n += 1) {
      await second.clock.advance('30s')
      await second.settled()
      expect(await itemOf(t)).toMatchObject({ timeTable: 'every 30000 ms' })
    }
    expect(old).toEqual([])
    expect(young).toHaveLength(4)
  })

  test('keeps its ticks while it catches up with an hour, also where an older version is there', async () => {
    const ticks: Tick[] = []
    await using t = await start([noting([], { every: '7s' })])
    await using second = await start([noting(ticks, { missed: 'catch-up' })], { databaseUrl: t.databaseUrl })
    await align(second)
    ticks.length = 0
    await second.clock.advance('1h')
    await second.settled()
    expect(ticks).toHaveLength(120)
    expect(await itemOf(t)).toMatchObject({ timeTable: 'every 30000 ms' })
  })

  test('whose newer version was taken back goes on by itself', async () => {
    const ticks: Tick[] = []
    await using t = await start([noting(ticks, { every: '30s' })])
    await using second = await start([noting([], { every: '7s' })], { databaseUrl: t.databaseUrl })
    expect(await itemOf(t)).toMatchObject({ timeTable: 'every 7000 ms' })
    await second.app.stop()
    await t.clock.advance('2m')
    await untilListed(t, async ({ timeTable }) => {
      await t.clock.advance(0)
      return timeTable === 'every 30000 ms'
    })
    const { length } = ticks
    await t.clock.advance('30s')
    await t.settled()
    expect(ticks).toHaveLength(length + 1)
  })

  test('that is in no module any more stays and does nothing', async () => {
    const ticks: Tick[] = []
    await using first = await start([noting(ticks)])
    await first.app.stop()
    ticks.length = 0
    await using t = await start([], { databaseUrl: first.databaseUrl })
    await t.clock.advance('1h')
    await t.settled()
    expect(ticks).toEqual([])
    expect(await itemOf(t)).toMatchObject({ name: 'note', defined: false })
  })

  test('whose name is taken twice is refused', async () => {
    await expect(start([noting([]), noting([])])).rejects.toMatchObject({ code: 'DEFINITION_INVALID' })
  })
})

test('a long run does not keep other schedules waiting, and never overlaps with itself', async () => {
  const gate = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  let running = 0
  let most = 0
  const long = defineSchedule('long', {
    every: '30s',
    run: async () => {
      running += 1
      most = Math.max(most, running)
      begun.resolve()
      await gate.promise
      running -= 1
    },
  })
  const ticks: Tick[] = []
  const other = Promise.withResolvers<void>()
  const short = defineSchedule('short', {
    every: '30s',
    run: (_unit, tick) => {
      ticks.push(tick)
      if (ticks.length >= 3) other.resolve()
    },
  })
  await using t = await start([long, short])
  await using second = await start([long, short], { databaseUrl: t.databaseUrl })
  await t.clock.advance('30s')
  await begun.promise
  const advancing = async () => {
    for (let seen = ticks.length; ticks.length < 3; seen = ticks.length) {
      await t.clock.advance('30s')
      while (ticks.length === seen) await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  await Promise.all([other.promise, advancing()])
  gate.resolve()
  await second.settled()
  expect(most).toBe(1)
})

test('a run under way when the app stops is finished, and what it published goes out', async () => {
  const topic = defineTopic('ran', { events: { Ran: z.object({}) } })
  const begun = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const slow = defineSchedule('slow', {
    every: '1d',
    run: async (unit) => {
      begun.resolve()
      await gate.promise
      unit.publish(topic.events.Ran({}))
    },
  })
  const modules = [defineModule({ name: 'm', topics: [topic], schedules: [slow] })]
  await using api = await testApp({ modules, roles: ['api'], http })
  const worker = await testApp({ modules, databaseUrl: api.databaseUrl })
  await admin(api, 'POST', '/schedules/slow/run')
  await begun.promise
  const stopped = worker.stop()
  gate.resolve()
  await stopped
  expect(await itemOf(api, 'slow')).toMatchObject({ runs: 1, requested: false })
  expect(await api.published(topic.events.Ran)).toHaveLength(1)
  const { rows } = await api.database.query(
    'SELECT FROM millrace.outbox o JOIN millrace.relay r USING (lane) WHERE NOT pg_visible_in_snapshot(o.xid, r.done)',
  )
  expect(rows).toEqual([])
})
