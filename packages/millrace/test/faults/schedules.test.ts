import { expect, test } from 'vitest'
import { testApp } from '../../src/testing/index.ts'
import { type ChildApp, startChildApp } from './child-app.ts'
import { Observer } from './observer.ts'
import { tickMs } from './ticker.fixture.ts'
import { until } from './until.ts'

const kills = Number(process.env['KILLS'] ?? 3)
const processes = 3

test(`a schedule in ${processes} processes, of which the one that ran it last is killed, ${kills} times: each tick once, none left out, in order`, {
  timeout: 90_000 + kills * 12_000,
}, async () => {
  await using database = await testApp({ modules: [], roles: ['api'] })
  await database.database.query(
    'CREATE TABLE tick (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL, pid int NOT NULL)',
  )
  await using observer = await Observer.connect(database.databaseUrl)
  const options = { databaseUrl: database.databaseUrl, hasTicker: true }
  const workers: ChildApp[] = []
  while (workers.length < processes) workers.push(await startChildApp(options))

  for (let kill = 0; kill < kills; kill += 1) {
    const { count } = await ticksOf(observer)
    await until('it ticks', async () => (await ticksOf(observer)).count >= count + 5)
    const { lastPid } = await ticksOf(observer)
    const killed = workers.findIndex(({ pid }) => pid === lastPid)
    await workers[killed]?.kill()
    workers[killed] = await startChildApp(options)
  }
  const { count } = await ticksOf(observer)
  await until('it ticks', async () => (await ticksOf(observer)).count >= count + 5)

  const rows = await observer.query<{ at: Date }>('SELECT at FROM tick ORDER BY id')
  const times = rows.map(({ at }) => at.getTime())
  const first = times[0] ?? 0
  expect(times).toEqual(Array.from(times, (_, n) => first + n * tickMs))
  expect(
    new Set((await observer.query<{ pid: number }>('SELECT pid FROM tick')).map(({ pid }) => pid)).size,
  ).toBeGreaterThan(1)
})

async function ticksOf(observer: Observer): Promise<{ count: number; lastPid: number }> {
  const [row] = await observer.query<{ count: number; lastPid: number }>(
    'SELECT count(*)::int AS count, (SELECT pid FROM tick ORDER BY id DESC LIMIT 1) AS "lastPid" FROM tick',
  )
  return row ?? { count: 0, lastPid: 0 }
}
