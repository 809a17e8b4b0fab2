import { Client } from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { defineModule, defineTopic } from '../index.ts'
import { type TestApp, testApp } from '../testing/index.ts'
import { beginning, fireTimers, type Place } from './firing.ts'
import { least, pagesOf } from './pages.fixture.ts'

const dues = defineTopic('dues', { events: { Due: z.object({}) } })
const modules = [defineModule({ name: 'dues', topics: [dues] })]
const many = 60_000

// Each leaves a dead row and its index entries, which stay while the snapshot does.
test('firing reads no more among 60,000 timers that have fired under a snapshot held elsewhere', async () => {
  const t = await testApp({ modules, roles: ['api'] })
  onTestFinished(() => t.stop())
  const dump = new Client({ connectionString: t.databaseUrl })
  onTestFinished(() => dump.end())
  await dump.connect()
  await dump.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  await dump.query('SELECT count(*) FROM millrace.timer')

  const before = await least(() => pagesToFire(t, beginning))
  await t.database.query(
    `INSERT INTO millrace.timer (due_at, seq, lane, topic, headers)
     SELECT now() - n * interval '1 ms' - interval '1 hour', nextval('millrace.timer_seq'), 'postgres', 'dues', ''
       FROM generate_series(1, ${many}) n`,
  )
  let place = beginning
  for (let isFull = true; isFull; ) {
    const fired = await fireTimers(t.database, { after: place, others: [], lanes: {}, horizonMs: 1_000 })
    if (!fired) throw new Error('somebody else fires')
    isFull = fired.isFull
    place = fired.next
  }
  const after = await least(() => pagesToFire(t, place))
  const lookAtAll = await pagesOf(t, `SELECT * FROM millrace.timers_due('-infinity', 0, '${place.due}', 1000, 4194304)`)
  process.stdout.write(`timers: ${before} pages, among ${many} that have fired ${after}; to look at all ${lookAtAll}\n`)
  expect(after).toBeLessThan(2 * before)
  // They are there: to look at everything each time would show.
  expect(lookAtAll).toBeGreaterThan(10 * after)
})

/** How many pages it takes to fire the one timer that is due. */
async function pagesToFire(t: TestApp, { due, seq }: Place): Promise<number> {
  await t.millrace.transaction(async (unit) => unit.publishAfter(0, dues.events.Due({})))
  const pages = await pagesOf(
    t,
    `SELECT * FROM millrace.fire_timers('${due}', ${seq}, '{}', '{}', '{}', 1000, 4194304, interval '1 second')`,
  )
  expect((await t.database.query('SELECT FROM millrace.timer')).rowCount).toBe(0)
  return pages
}
