import { once } from 'node:events'
import { expect, test } from 'vitest'
import { until } from '../../test/faults/until.ts'
import { Signal } from '../core/signal.ts'
import type { TestApp } from '../testing/index.ts'
import { counts } from './channels.fixture.ts'
import { liveApp, TestClient } from './live.fixture.ts'

const writers = 6
const perWriter = 40
const readers = 25

/** Whether a transaction commits late, or not at all, by a stream of random numbers. */
function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296
    return state / 4_294_967_296
  }
}

/** Writes numbers as rows and updates; some of its transactions stay open until others have committed, some roll back. */
async function write(app: TestApp, writer: number, { random, moved }: { random: () => number; moved: Signal }) {
  for (let nth = 0; nth < perWriter; nth += 1) {
    const n = writer * perWriter + nth
    const work = app.millrace.transaction(async (unit) => {
      await unit.db.query('INSERT INTO counted VALUES ($1)', [n])
      unit.push(counts, 'anna', { type: 'counted', data: { n } })
      if (random() < 0.3) await moved.wait(20)
      if (random() < 0.2) throw new Error('rolled back')
    })
    await work.catch(() => {})
    moved.notify()
  }
}

/** Reads the rows, connects with the position, is cut now and then, and tells what it had and what it was given. */
async function read(app: TestApp, other: TestApp, random: () => number, isDone: () => boolean) {
  const { data, at } = await app.millrace.live.snapshot(async (db) => {
    const { rows } = await db.query<{ n: number }>('SELECT n FROM counted')
    return rows.map(({ n }) => n)
  })
  const given: number[] = []
  let resume: string | undefined = at
  for (;;) {
    using client = new TestClient(random() < 0.5 ? app : other, { resume })
    await Promise.race([client.ended, once(client.socket, 'message')])
    await until('an update, or the end', () => client.numbers.length > 0 || isDone())
    const isLast = isDone()
    if (isLast) {
      const { rows } = await app.database.query<{ n: number }>('SELECT n FROM counted')
      await until('it has all', () => data.length + given.length + client.numbers.length >= rows.length, 10_000).catch(
        () => {},
      )
    }
    given.push(...client.numbers)
    expect(client.has('reset')).toBe(false)
    resume = client.at
    if (isLast) return { data, given }
    client.socket.terminate()
  }
}

test.each([1, 2, 3])(
  'data and the updates behind its position have everything once: seed %i',
  { timeout: 60_000 },
  async (seed) => {
    await using app = await liveApp({ poolSize: writers + 6, live: { connectionsPerUser: 200 } })
    await using other = await liveApp({ databaseUrl: app.databaseUrl, live: { connectionsPerUser: 200 } })
    await app.database.query('CREATE TABLE counted (n int PRIMARY KEY)')
    const random = dice(seed)
    const moved = new Signal()
    let done = false
    const writing = Promise.all(Array.from({ length: writers }, (_, nth) => write(app, nth, { random, moved }))).then(
      () => {
        done = true
      },
    )
    const reading: ReturnType<typeof read>[] = []
    for (let nth = 0; nth < readers; nth += 1) {
      reading.push(read(app, other, random, () => done))
      await moved.wait(20)
    }
    await writing
    const { rows } = await app.database.query<{ n: number }>('SELECT n FROM counted ORDER BY n')
    const expected = rows.map(({ n }) => n)
    expect(expected.length).toBeGreaterThan(writers * perWriter * 0.5)
    for (const { data, given } of await Promise.all(reading)) {
      expect([...data, ...given].sort((a, b) => a - b)).toEqual(expected)
      const ofWriters = Map.groupBy(given, (n) => Math.floor(n / perWriter))
      for (const numbers of ofWriters.values()) expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    }
  },
)

test('once all that the data had seen has come by, positions are the same as everybody’s', async () => {
  await using app = await liveApp()
  const { at } = await app.millrace.live.snapshot(async () => undefined)
  expect(at.split('.')).toHaveLength(4)
  using client = new TestClient(app, { resume: at })
  await until('it is connected', () => client.has('connected'))
  await until('the positions agree', async () => {
    client.send({ type: 'ping' })
    await once(client.socket, 'message')
    return client.at?.split('.').length === 3
  })
})

test('a snapshot writes nothing, and is not taken within a unit', async () => {
  await using app = await liveApp()
  await app.database.query('CREATE TABLE counted (n int PRIMARY KEY)')
  const writing = app.millrace.live.snapshot(async (db) => db.query('INSERT INTO counted VALUES (1)'))
  await expect(writing).rejects.toMatchObject({ code: '25006' })
  const nested = app.millrace.transaction(async () => app.millrace.live.snapshot(async () => 1))
  await expect(nested).rejects.toMatchObject({ code: 'TRANSACTION_NESTED' })
  await using worker = await liveApp({ databaseUrl: app.databaseUrl, roles: ['worker'] })
  await expect(worker.millrace.live.snapshot(async () => 1)).rejects.toMatchObject({ code: 'LIVE_UNAVAILABLE' })
})
