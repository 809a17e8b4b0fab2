import { expect, test } from 'vitest'
import { type TestApp, testApp } from '../testing/index.ts'
import { least, pagesOf } from './pages.fixture.ts'

const many = 60_000

// The plans of the functions are made while the table is empty, and kept.
test.each([
  ['set', 'f', '0'],
  ['moved', 'f', '1'],
  ['cancelled', 't', '1'],
  ['cancelled in vain', 't', '0'],
])('a timer is %s at the same cost among 60,000', async (_, cancelled, first) => {
  await using t = await testApp({ modules: [], roles: ['api'], poolSize: 2 })
  const name = `${first}${'0'.repeat(31)}`
  const change = `SELECT millrace.change_timers(
    '{3600000}', '{f}', '{${cancelled}}', '{${name}}', '{n}', '{postgres}', '{dues}', '{k}', '{v}', '{h}')`
  const measure = async () => {
    await setTimer(t)
    return pagesOf(t, change)
  }
  const before = await least(measure)
  await t.database.query(
    `INSERT INTO millrace.timer (due_at, seq, name_hash, lane, topic, headers)
     SELECT now() + n * interval '1 s', nextval('millrace.timer_seq'), gen_random_uuid(), 'postgres', 'dues', ''
       FROM generate_series(1, ${many}) n`,
  )
  // The trees of its indexes are higher now, by a page or two each.
  expect(await least(measure)).toBeLessThan(before + 40)
})

/** The one that is moved or cancelled. */
async function setTimer(t: TestApp): Promise<void> {
  await t.database.query(
    `INSERT INTO millrace.timer (due_at, seq, name_hash, lane, topic, headers)
     VALUES (now() + interval '1 h', nextval('millrace.timer_seq'), '1${'0'.repeat(31)}', 'postgres', 'dues', '')
         ON CONFLICT DO NOTHING`,
  )
}
