import { expect, test } from 'vitest'
import { type ChildApp, startChildApp } from './child-app.ts'
import { flawless, Ledger } from './ledger.ts'
import { Observer } from './observer.ts'
import { RestartablePostgres } from './restartable-postgres.ts'
import { directMarks, outboxMarks } from './spine.fixture.ts'
import { Traffic } from './traffic.ts'
import { until } from './until.ts'

const keys = 8

test(
  'the database is killed, and restarted, under load: 503 meanwhile, and then everything goes on by itself',
  { timeout: 120_000 },
  async () => {
    await using postgres = await RestartablePostgres.start()
    const app = await startChildApp({ databaseUrl: postgres.url, pace: { every: 50, ms: 20 } })
    const ledger = new Ledger()
    const traffic = new Traffic(ledger, app.url)
    traffic.start(directMarks.name, keys)
    traffic.start(outboxMarks.name, keys)

    for (const leave of Array.from({length: 12}, (_, i) => i % 4 === 3 ? () => postgres.stop() : () => postgres.crash())) {
      await moreAcknowledged(ledger)
      await leave()
      await noticed(app, traffic)
      await postgres.start()
      await until('ready again', async () => (await fetch(`${app.url}/health/ready`)).status === 200)
    }
    await moreAcknowledged(ledger)
    await traffic.stop()

    await using observer = await Observer.connect(postgres.url)
    await until('all handled', () => observer.drained())
    {
      const { writeFileSync } = await import('node:fs')
      const f = ledger.examine(await observer.effects('marks'))
      writeFileSync('/tmp/dg.json', JSON.stringify({ f, missing: (ledger as any).missing?.(await observer.effects('marks')), refusals: traffic.refusals.filter((r) => r.status !== 503),
        accepted: await observer.query('SELECT stream,key,n FROM spine.accepted'), log: [...await observer.log('spine.outbox'), ...await observer.log('spine.direct')], marks: await observer.effects('marks'), entries: (ledger as any).all(),
        pos: await observer.query('SELECT * FROM millrace.position'), dead: await observer.query('select code, reason, attempts, topic, partition, "offset", failed_at from millrace.dead_letter'), gap: await observer.query('select * from millrace.gap'), relay: await observer.query('select * from millrace.relay') }))
      writeFileSync('/tmp/dg.log', app.log())
    }
    expect(ledger.examine(await observer.effects('marks'))).toEqual(flawless)
    expect(ledger.examine(await observer.effects('echoes'))).toEqual(flawless)
    expect(await observer.query('SELECT code, reason FROM millrace.dead_letter')).toEqual([])
    // What requests wrote and what they published is the same, acknowledged or not.
    const accepted = (await observer.query('SELECT key, n FROM spine.accepted ORDER BY key, n')) as unknown[]
    expect(await observer.query(appliedFromOutbox)).toEqual(accepted)

    expect(traffic.unanswered).toBe(0)
    expect(new Set(traffic.refusals.map(({ status, type }) => `${status} ${type?.split(';')[0]}`))).toEqual(
      new Set(['503 application/problem+json']),
    )
    expect(await (await fetch(`${app.url}/health/progress`)).json()).toMatchObject({ ok: true })
    app.signal('SIGTERM')
    expect(await app.ended).toBe(0)
  },
)

const appliedFromOutbox = `
  SELECT key, n FROM spine.effect WHERE consumer = 'marks' AND stream = 'spine.outbox' ORDER BY key, n`

async function moreAcknowledged(ledger: Ledger): Promise<void> {
  const before = ledger.acknowledgedCount
  await until('300 more acknowledged', () => ledger.acknowledgedCount >= before + 150)
}

/** The process says that it is not ready, refuses requests, and lives. */
async function noticed(app: ChildApp, traffic: Traffic): Promise<void> {
  const before = traffic.refusals.length
  await until('not ready', async () => (await fetch(`${app.url}/health/ready`)).status === 503)
  await until('refused', () => traffic.refusals.length >= before + 2 * keys)
  expect((await fetch(`${app.url}/health/live`)).status).toBe(200)
}
