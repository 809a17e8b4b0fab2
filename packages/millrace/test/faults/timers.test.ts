import { expect, test } from 'vitest'
import type { Millrace } from '../../src/index.ts'
import { testApp } from '../../src/testing/index.ts'
import { type ChildApp, startChildApp } from './child-app.ts'
import { flawless, Ledger, type Mark } from './ledger.ts'
import { Observer } from './observer.ts'
import { marksOf } from './publish.ts'
import { seededRandom } from './random.ts'
import { outboxMarks, spine } from './spine.fixture.ts'
import { until } from './until.ts'

const kills = Number(process.env['KILLS'] ?? 3)
const timers = 1_000 * (kills + 2)
const perUnit = 500

test(`timers, one due each millisecond, while the process that fires them is killed ${kills} times, and stopped and resumed: each event handled once, in order of its key`, {
  timeout: 90_000 + kills * 12_000,
}, async () => {
  const random = seededRandom('timers')
  await using publisher = await testApp({ modules: [spine()], roles: ['api'] })
  await using observer = await Observer.connect(publisher.databaseUrl)
  const options = { databaseUrl: publisher.databaseUrl, roles: ['worker'] as const }
  const workers = [await startChildApp(options), await startChildApp(options)]
  const ledger = new Ledger()
  await setTimers(publisher.millrace, ledger, marksOf(outboxMarks.name, timers, 50))

  const points = Array.from({ length: kills + 1 }, () => random.between(1, Math.floor(0.9 * timers)))
  const [stopAt, ...killAt] = points.sort((a, b) => a - b)
  await until('some fired', async () => (await fired(observer)) >= (stopAt ?? 0))
  const stopped = await leaderAmong(workers, observer)
  stopped.signal('SIGSTOP')
  await endSessionsOf(stopped, observer)
  for (const point of killAt) {
    await until(`${point} fired`, async () => (await fired(observer)) >= point)
    const leader = await leaderAmong(workers, observer)
    await leader.kill()
    workers[workers.indexOf(leader)] = await startChildApp(options)
    stopped.signal('SIGCONT')
  }
  await until('all fired', async () => (await observer.query('SELECT FROM millrace.timer LIMIT 1')).length === 0)
  await until('all handled', () => observer.drained())

  const seed = `SEED=${random.seed}`
  expect(ledger.examine(await observer.effects('marks')), seed).toEqual(flawless)
  expect(await marksInOutbox(observer), seed).toBe(timers)
})

/** Sets a timer for each mark, each due a millisecond after the one before. */
async function setTimers(millrace: Millrace, ledger: Ledger, marks: readonly Mark[]): Promise<void> {
  const start = Date.now() + 2_000
  for (let from = 0; from < marks.length; from += perUnit) {
    await millrace.transaction(async (unit) => {
      for (const [index, { stream, key, n }] of marks.slice(from, from + perUnit).entries()) {
        ledger.sent({ stream, key, n })
        unit.publishAfter(new Date(start + from + index), outboxMarks.events.Marked({ key, n }), { name: `${n}` })
      }
    })
  }
  for (const mark of marks) ledger.acknowledged(mark)
}

async function fired(observer: Observer): Promise<number> {
  const [row] = await observer.query<{ left: number }>('SELECT count(*)::int AS left FROM millrace.timer')
  return timers - (row?.left ?? 0)
}

async function marksInOutbox(observer: Observer): Promise<number> {
  const sql = 'SELECT count(*)::int AS count FROM millrace.outbox WHERE topic = $1'
  const [row] = await observer.query<{ count: number }>(sql, [outboxMarks.name])
  return row?.count ?? 0
}

/** The worker that has the lock of timers. */
async function leaderAmong(workers: readonly ChildApp[], observer: Observer): Promise<ChildApp> {
  let leader: ChildApp | undefined
  await until('one leads', async () => {
    const [row] = await observer.query<{ name: string }>(
      `SELECT application_name AS name FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE locktype = 'advisory' AND granted AND objsubid = 1
          AND (classid::bigint << 32) + objid::bigint = hashtextextended('millrace:timers', 0)`,
    )
    leader = workers.find(({ pid }) => row?.name === `spine ${pid}`)
    return leader !== undefined
  })
  if (!leader) throw new Error('nobody leads')
  return leader
}

/** What the server does by itself when a process has not talked to it for ten seconds. */
async function endSessionsOf({ pid }: ChildApp, observer: Observer): Promise<void> {
  await observer.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [
    `spine ${pid}`,
  ])
}
