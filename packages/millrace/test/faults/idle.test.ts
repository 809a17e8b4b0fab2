import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { testApp } from '../../src/testing/index.ts'
import { type ChildApp, partitionsOf, startChildApp } from './child-app.ts'
import { Ledger } from './ledger.ts'
import { Observer } from './observer.ts'
import { marksOf, publishByOutbox } from './publish.ts'
import { outboxMarks, spine } from './spine.fixture.ts'
import { until } from './until.ts'

/** There is nothing to wait for: this is the time that is looked at. */
const windowMs = 4_000

test('an app with nothing to do does next to nothing, also while a dump holds a snapshot open', {
  timeout: 60_000,
}, async () => {
  await using publisher = await testApp({ modules: [spine()], roles: ['api'] })
  const options = { databaseUrl: publisher.databaseUrl }
  const busy = await startChildApp(options)
  await using observer = await Observer.connect(publisher.databaseUrl)
  await using dump = await Observer.connect(publisher.databaseUrl)
  // With thousands of rows in the outbox and the log, a look for new ones that reads the old ones shows.
  await publishByOutbox(publisher.millrace, new Ledger(), marksOf(outboxMarks.name, 10_000, 100))
  await until('all handled', () => observer.drained())
  // Sessions tell of their last statements as late as at their end: those of the drain must not be counted.
  busy.signal('SIGTERM')
  await busy.ended
  const app = await startChildApp(options)
  await until('it has its partitions', async () => (await partitionsOf(app)) === 3 * 4)
  await dump.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  await dump.query('SELECT count(*) FROM spine.effect')

  const before = await work(app, observer)
  await delay(windowMs)
  const after = await work(app, observer)
  const perSecond = (what: keyof Work) => (after[what] - before[what]) / (windowMs / 1_000)
  const figures = { cpuMs: perSecond('cpuMs'), transactions: perSecond('transactions'), pages: perSecond('pages') }
  process.stdout.write(`idle, per second: ${JSON.stringify(figures)}\n`)
  // Measured: 10 ms, 14, 200. Looks come every 250 ms, from the log's readers and the relay; signs of life likewise here.
  expect(figures.cpuMs).toBeLessThan(100)
  expect(figures.transactions).toBeLessThan(50)
  expect(figures.pages).toBeLessThan(2_000)
  await dump.query('COMMIT')
})

interface Work {
  /** Of the process. */
  readonly cpuMs: number
  /** Of all sessions with the database. */
  readonly transactions: number
  /** Read by these, from memory or not. */
  readonly pages: number
}

async function work(app: ChildApp, observer: Observer): Promise<Work> {
  const metrics = await (await fetch(`${app.url}/metrics`)).text()
  const cpu = /^\w*process_cpu_seconds_total(?:\{.*\})? (\S+)$/m.exec(metrics)?.[1]
  const [row] = await observer.query<{ transactions: string; pages: string }>(
    `SELECT xact_commit + xact_rollback AS transactions, blks_hit + blks_read AS pages
       FROM pg_stat_database WHERE datname = current_database()`,
  )
  return { cpuMs: Number(cpu) * 1_000, transactions: Number(row?.transactions), pages: Number(row?.pages) }
}
