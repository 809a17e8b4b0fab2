import { expect, test } from 'vitest'
import { testApp } from '../../src/testing/index.ts'
import { startChildApp } from './child-app.ts'
import { flawless, Ledger } from './ledger.ts'
import { Observer } from './observer.ts'
import { marksOf, publishByOutbox, publishDirectly } from './publish.ts'
import { type Random, seededRandom } from './random.ts'
import { directMarks, outboxMarks, spine } from './spine.fixture.ts'
import { until } from './until.ts'

const kills = Number(process.env['KILLS'] ?? 5)
const perStream = 10_000
/** Each record passes two consumers: as a mark and as its echo. */
const passages = 4 * perStream
/** A sleep of 20 ms every forty records: the drain takes some seconds, in most of which a chunk is under way. */
const pace = { every: 40, ms: 20 }

test(`20,000 records drained by an app that is killed ${kills} times: each applied once, in order of its key`, {
  timeout: 90_000 + kills * 12_000,
}, async () => {
  const random = seededRandom('kill-while-draining')
  // Publishes, and keeps the database; it handles nothing.
  await using publisher = await testApp({ modules: [spine()], roles: ['api'] })
  const ledger = new Ledger()
  await publishDirectly(publisher.millrace, ledger, marksOf(directMarks.name, perStream, 200))
  await publishByOutbox(publisher.millrace, ledger, marksOf(outboxMarks.name, perStream, 200))
  expect(ledger.acknowledgedCount).toBe(2 * perStream)

  await using observer = await Observer.connect(publisher.databaseUrl)
  const options = { databaseUrl: publisher.databaseUrl, pace }
  let app = await startChildApp(options)
  for (const point of killPoints(random)) {
    await until(`${point} handled`, async () => (await observer.handled()) >= point)
    await app.kill()
    app = await startChildApp(options)
  }
  await until('all handled', () => observer.drained())

  const seed = `SEED=${random.seed}`
  expect(ledger.examine(await observer.effects('marks')), seed).toEqual(flawless)
  expect(ledger.examine(await observer.effects('echoes')), seed).toEqual(flawless)
  expect(await observer.query('SELECT FROM millrace.dead_letter'), seed).toEqual([])
  expect(await observer.query('SELECT FROM millrace.gap'), seed).toEqual([])
})

/** After how many records the app is killed, in order. */
function killPoints(random: Random): number[] {
  const points = Array.from({ length: kills }, () => random.between(1, Math.floor(0.95 * passages)))
  return points.sort((a, b) => a - b)
}
