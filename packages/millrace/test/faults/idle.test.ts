import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'vitest'
import { testApp } from '../../src/testing/index.ts'
import { defaultKafkaBrokers } from '../../src/testing/kafka.ts'
import { type ChildApp, partitionsOf, startChildApp } from './child-app.ts'
import { Ledger } from './ledger.ts'
import { Observer } from './observer.ts'
import { marksOf, publishByOutbox } from './publish.ts'
import { outboxMarks, spine } from './spine.fixture.ts'
import { until } from './until.ts'

/** There is nothing to wait for: this is the time that is looked at. */
const windowMs = 2_000

/**
 * What an idle app may do in a second. Measured: 11 ms, 13, 600. The log, for 12 partitions, and the outbox are looked
 * at each 250 ms; likewise, in this test, the app shows that it lives.
 *
 * On Kafka the database is asked for the outbox alone, and Kafka, each 250 ms, for what is new in 12 partitions. Measured:
 * 20 ms, 11, 100.
 */
const most: Work =
  defaultKafkaBrokers() === undefined
    ? { cpuMs: 100, transactions: 40, pages: 3_000 }
    : { cpuMs: 100, transactions: 30, pages: 1_000 }

test('an app with nothing to do does next to nothing, also while a dump holds a snapshot open', {
  timeout: 120_000,
}, async () => {
  await using publisher = await testApp({ modules: [spine()], roles: ['api'] })
  const options = { databaseUrl: publisher.databaseUrl, isLive: true }
  const busy = await startChildApp(options)
  await using observer = await Observer.connect(publisher.databaseUrl)
  await using dump = await Observer.connect(publisher.databaseUrl)
  // With thousands of rows in the outbox and the log, a look for new ones that reads the old ones shows.
  await publishByOutbox(publisher.millrace, new Ledger(), marksOf(outboxMarks.name, 10_000, 100))
  await until('all handled', () => observer.drained())
  // What is measured is a process that has not been busy before.
  busy.signal('SIGTERM')
  await busy.ended
  const app = await startChildApp(options)
  await until('it has its partitions', async () => (await partitionsOf(app)) === 3 * 4)
  await dump.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  await dump.query('SELECT count(*) FROM spine.effect')

  // Sessions tell of what they did seconds later: what was done before is in the first measurements, and not in all.
  let figures = most
  const isQuiet = async () => {
    figures = await perSecond(() => work(app, observer))
    return figures.cpuMs < most.cpuMs && figures.transactions < most.transactions && figures.pages < most.pages
  }
  await until(`less than ${JSON.stringify(most)} per second`, isQuiet)
  process.stdout.write(`idle, per second: ${JSON.stringify(figures)}\n`)
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

async function perSecond(look: () => Promise<Work>): Promise<Work> {
  const before = await look()
  await delay(windowMs)
  const after = await look()
  const rate = (what: keyof Work) => Math.round((after[what] - before[what]) / (windowMs / 1_000))
  return { cpuMs: rate('cpuMs'), transactions: rate('transactions'), pages: rate('pages') }
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
