import { expect, test } from 'vitest'
import { adminOf, adminToken } from '../../src/delivery/operations.fixture.ts'
import { testApp } from '../../src/testing/index.ts'
import { startChildApp } from './child-app.ts'
import { flawless, Ledger } from './ledger.ts'
import { Observer } from './observer.ts'
import { marksOf, publishByOutbox } from './publish.ts'
import { outboxMarks, spine } from './spine.fixture.ts'
import { until } from './until.ts'

const past = 4_000
const kills = 2
/** A sleep of 20 ms every ten records: a chunk of the replay is under way most of the time. */
const pace = { every: 10, ms: 20 }

test(`a replay whose process is killed ${kills} times goes on in another, and has each effect once and in order; so has the live group`, {
  timeout: 120_000,
}, async () => {
  const http = { host: '127.0.0.1', port: 0, adminToken }
  await using publisher = await testApp({ modules: [spine()], roles: ['api'], http })
  await using observer = await Observer.connect(publisher.databaseUrl)
  const replayed = new Ledger()
  await publishByOutbox(publisher.millrace, replayed, marksOf(outboxMarks.name, past, 100))
  const options = { databaseUrl: publisher.databaseUrl, pace }
  const apps = await Promise.all(Array.from({ length: kills + 1 }, () => startChildApp(options)))
  await until('the past is handled', async () => (await observer.effects('marks')).length === past)

  const begun = await adminOf(publisher).post('/consumers/marks/replays', { from: 'earliest', topic: outboxMarks.name })
  const { id, records } = begun.json()
  expect(records).toBe(past)
  const live = new Ledger()
  const publishing = publishByOutbox(publisher.millrace, live, newMarks())
  const passed = async () => (await observer.effects('replays')).length
  for (let kill = 1; kill <= kills; kill += 1) {
    await until(`${kill} of ${kills + 1} parts replayed`, async () => (await passed()) >= (kill * past) / (kills + 1))
    const runs = await runnerOf(observer, id)
    const app = apps.find(({ pid }) => pid === runs)
    expect(app).toBeDefined()
    await app?.kill()
    await until('another one runs it', async () => ![undefined, runs].includes(await runnerOf(observer, id)))
  }
  const show = async () => (await adminOf(publisher).get(`/replays/${id}`)).json()
  await until('the replay has ended', async () => (await show()).state === 'done')
  await publishing
  await until('all is handled', async () => (await observer.effects('marks')).length >= 2 * past)

  expect(replayed.examine(await observer.effects('replays'))).toEqual(flawless)
  const effects = await observer.effects('marks')
  expect(replayed.examine(effects.filter(({ n }) => n < liveFrom))).toEqual(flawless)
  expect(live.examine(effects.filter(({ n }) => n >= liveFrom))).toEqual(flawless)
  const { partitions } = await show()
  const handled = partitions.map((partition: { handled: number }) => partition.handled)
  expect(handled.reduce((sum: number, count: number) => sum + count)).toBe(past)
  expect(await observer.query('SELECT FROM millrace.dead_letter')).toEqual([])
})

/** The process that has the lock of a replay. */
async function runnerOf(observer: Observer, id: string): Promise<number | undefined> {
  const [row] = await observer.query<{ pid: number }>(
    `SELECT replace(application_name, 'spine ', '')::int AS pid FROM pg_locks JOIN pg_stat_activity USING (pid)
      WHERE locktype = 'advisory' AND (classid::bigint << 32 | objid::bigint) = hashtextextended('millrace:replay ' || $1, 0)`,
    [id],
  )
  return row?.pid
}

/** Where the numbers begin of what is published while the replay runs. */
const liveFrom = 1_000

function newMarks() {
  return marksOf(outboxMarks.name, past, 100).map((mark) => ({ ...mark, n: mark.n + liveFrom }))
}
