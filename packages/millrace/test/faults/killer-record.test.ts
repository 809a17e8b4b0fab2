import { expect, test } from 'vitest'
import { testApp } from '../../src/testing/index.ts'
import { startChildApp } from './child-app.ts'
import { Ledger } from './ledger.ts'
import { Observer } from './observer.ts'
import { marksOf, publishByOutbox } from './publish.ts'
import { outboxMarks, spine } from './spine.fixture.ts'
import { until } from './until.ts'

test('a record whose handler ends its process is found, and given up; the others are handled once and in order', {
  timeout: 120_000,
}, async () => {
  await using publisher = await testApp({ modules: [spine()], roles: ['api'], topicPartitions: 1 })
  await using observer = await Observer.connect(publisher.databaseUrl)
  const ledger = new Ledger()
  await publishByOutbox(publisher.millrace, ledger, marksOf(outboxMarks.name, 60, 6))
  const options = { databaseUrl: publisher.databaseUrl, killer: { key: 'k0', n: 0 } }

  let starts = 0
  const letters = () => observer.query<{ code: string }>('SELECT code FROM millrace.dead_letter')
  while ((await letters()).length === 0) {
    starts += 1
    expect(starts).toBeLessThan(10)
    const child = await startChildApp(options).catch(() => undefined)
    // It may be gone before it has said that it is there.
    if (!child) continue
    await until('it has ended, or given the record up', async () => {
      const ended = await Promise.race([
        child.ended.then(() => true),
        new Promise((resolve) => setImmediate(resolve, false)),
      ])
      return ended === true || (await letters()).length > 0
    })
  }
  expect(await letters()).toEqual([{ code: 'RECORD_ENDS_PROCESS' }])
  await until('the others are handled', async () => (await observer.effects('marks')).length >= 50)
  const marks = await observer.effects('marks')
  for (const key of ['k1', 'k2', 'k3', 'k4', 'k5']) {
    expect(marks.filter((mark) => mark.key === key).map(({ n }) => n)).toEqual(Array.from({ length: 10 }, (_, n) => n))
  }
  expect(marks.filter(({ key }) => key === 'k0')).toEqual([])
})
