import { expect, test } from 'vitest'
import { testApp } from '../../src/testing/index.ts'
import { partitionsOf, startChildApp } from './child-app.ts'
import { flawless, Ledger } from './ledger.ts'
import { Observer } from './observer.ts'
import { marksOf, publishByOutbox, publishDirectly } from './publish.ts'
import { directMarks, outboxMarks, spine } from './spine.fixture.ts'
import { until } from './until.ts'

const perStream = 5_000
const pace = { every: 20, ms: 20 }

test('two apps share the partitions; one is killed and comes back: each record applied once, in order of its key', {
  timeout: 120_000,
}, async () => {
  await using publisher = await testApp({ modules: [spine()], roles: ['api'] })
  const ledger = new Ledger()
  await using observer = await Observer.connect(publisher.databaseUrl)
  const options = { databaseUrl: publisher.databaseUrl, pace }
  const first = await startChildApp(options)
  let second = await startChildApp(options)
  await until('both have partitions', async () => (await partitionsOf(first)) > 0 && (await partitionsOf(second)) > 0)
  await Promise.all([
    publishDirectly(publisher.millrace, ledger, marksOf(directMarks.name, perStream, 100)),
    publishByOutbox(publisher.millrace, ledger, marksOf(outboxMarks.name, perStream, 100)),
  ])

  const half = (await observer.handled()) + perStream / 2
  await until('some handled', async () => (await observer.handled()) >= half)
  await second.kill()
  await until('the first has all partitions', async () => (await partitionsOf(first)) === allPartitions)
  second = await startChildApp(options)
  await until('both have partitions again', async () => (await partitionsOf(second)) > 0)
  await until('all handled', () => observer.drained())

  expect(ledger.examine(await observer.effects('marks'))).toEqual(flawless)
  expect(ledger.examine(await observer.effects('echoes'))).toEqual(flawless)
  expect(await observer.query('SELECT FROM millrace.dead_letter')).toEqual([])
})

/** Two topics of the one consumer, one of the other. */
const allPartitions = 3 * 4
