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


  let prev = await work(app, observer)
  const tables = () => observer.query("select relname, seq_scan, idx_scan, seq_tup_read, idx_tup_fetch, n_tup_ins + n_tup_upd w, autovacuum_count + autoanalyze_count av from pg_stat_user_tables where seq_scan + coalesce(idx_scan,0) > 0 order by 1")
  let pt = await tables() as any[]
  for (let i = 0; i < 6; i++) { await delay(2000); const now = await work(app, observer); process.stdout.write(JSON.stringify({cpu: now.cpuMs - prev.cpuMs, tx: now.transactions - prev.transactions, pages: now.pages - prev.pages}) + '\n'); prev = now
   const t = await tables() as any[]; for (const r of t) { const o = pt.find((x) => x.relname === r.relname) ?? {}; const d = ['seq_scan','idx_scan','seq_tup_read','idx_tup_fetch','w', 'av'].map((k) => r[k] - (o[k] ?? 0)); if (d.some((x) => x > 8)) process.stdout.write('  ' + r.relname + ' ' + d.join(' ') + '\n') } pt = t }
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
