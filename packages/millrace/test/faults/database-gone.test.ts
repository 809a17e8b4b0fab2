import { expect, test } from 'vitest'
import { defaultKafkaBrokers } from '../../src/testing/kafka.ts'
import { type ChildApp, partitionsOf, startChildApp } from './child-app.ts'
import { flawless, Ledger } from './ledger.ts'
import { Observer } from './observer.ts'
import { RestartablePostgres } from './restartable-postgres.ts'
import { directMarks, outboxMarks } from './spine.fixture.ts'
import { Traffic } from './traffic.ts'
import { until } from './until.ts'

const keys = 8
const isOnKafka = defaultKafkaBrokers() !== undefined
/** Two of three are crashes, one is polite. */
const outages = Number(process.env['KILLS'] ?? 3)

test('the database is killed, and restarted, under load: 503 meanwhile, and then everything goes on by itself', {
  timeout: 60_000 + outages * 20_000,
}, async () => {
  await using postgres = await RestartablePostgres.start()
  const app = await startChildApp({ databaseUrl: postgres.url, pace: { every: 50, ms: 20 } })
  const ledger = new Ledger()
  const traffic = new Traffic(ledger, app.url)
  traffic.start(directMarks.name, keys)
  traffic.start(outboxMarks.name, keys)

  for (let outage = 0; outage < outages; outage += 1) {
    await moreAcknowledged(ledger)
    if (outage % 3 === 1) await postgres.stop()
    else postgres.crash()
    await noticed(app, traffic)
    await postgres.start()
    await until('ready again', async () => (await fetch(`${app.url}/health/ready`)).status === 200)
  }
  await moreAcknowledged(ledger)
  await traffic.stop()

  await using observer = await Observer.connect(postgres.url)
  await until('all handled', () => observer.drained())
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
})

test('the database is out of reach without a word, longer than a session: not ready meanwhile, and then the same', {
  timeout: 120_000,
}, async () => {
  await using postgres = await RestartablePostgres.start()
  const app = await startChildApp({ databaseUrl: postgres.url, pace: { every: 50, ms: 20 } })
  const ledger = new Ledger()
  const traffic = new Traffic(ledger, app.url)
  traffic.start(directMarks.name, keys)
  traffic.start(outboxMarks.name, keys)

  await moreAcknowledged(ledger)
  postgres.cut()
  await until('not ready', async () => (await fetch(`${app.url}/health/ready`)).status === 503)
  expect((await fetch(`${app.url}/health/live`)).status).toBe(200)
  if (isOnKafka) await until('the session is given up', () => app.log().includes('the database session was lost'))
  else await until('the partitions are given up', async () => (await partitionsOf(app)) === 0)
  // Who reads Kafka's partitions is Kafka's to say, and it has heard from the member all the time.
  if (isOnKafka) expect(await partitionsOf(app)).toBe(3 * 4)
  postgres.mend()
  await moreAcknowledged(ledger)
  await traffic.stop()

  await using observer = await Observer.connect(postgres.url)
  await until('all handled', () => observer.drained())
  expect(ledger.examine(await observer.effects('marks'))).toEqual(flawless)
  expect(ledger.examine(await observer.effects('echoes'))).toEqual(flawless)
  expect(await observer.query('SELECT code, reason FROM millrace.dead_letter')).toEqual([])
})

const appliedFromOutbox = `
  SELECT key, n FROM spine.effect WHERE consumer = 'marks' AND stream = 'spine.outbox' ORDER BY key, n`

async function moreAcknowledged(ledger: Ledger): Promise<void> {
  const before = ledger.acknowledgedCount
  await until('300 more acknowledged', () => ledger.acknowledgedCount >= before + 300)
}

/** The process says that it is not ready, refuses requests, and lives. */
async function noticed(app: ChildApp, traffic: Traffic): Promise<void> {
  const before = traffic.refusals.length
  await until('not ready', async () => (await fetch(`${app.url}/health/ready`)).status === 503)
  await until('refused', () => traffic.refusals.length >= before + 2 * keys)
  expect((await fetch(`${app.url}/health/live`)).status).toBe(200)
}
