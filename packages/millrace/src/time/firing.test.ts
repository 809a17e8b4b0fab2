import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineModule, defineTopic } from '../index.ts'
import { type TestApp, testApp } from '../testing/index.ts'
import { beginning, findOvertaken, fireTimers } from './firing.ts'

const dues = defineTopic('dues', { key: () => 'one', events: { Due: z.object({ n: z.int() }) } })
const { Due } = dues.events
const modules = [defineModule({ name: 'dues', topics: [dues] })]

/** Sets timers that are due at once. */
function setDue(t: TestApp, numbers: readonly number[]): Promise<void> {
  return t.millrace.transaction(async (unit) => {
    for (const n of numbers) unit.publishAfter(0, Due({ n }))
  })
}

test('a timer that is found twice, in order and as overtaken, fires once, in order', async () => {
  await using t = await testApp({ modules, roles: ['api'] })
  await setDue(t, [0, 1, 2])
  const { rows } = await t.database.query<{ due: string }>("SELECT (now() + interval '1 hour')::text AS due")
  const others = await findOvertaken(t.database, { due: rows[0]?.due ?? '', seq: '0' })
  expect(others).toHaveLength(3)
  const fired = await fireTimers(t.database, { after: beginning, others: others.toReversed(), lanes: {}, horizonMs: 0 })
  expect(fired?.lateMs).toHaveLength(3)
  expect((await t.published(Due)).map(({ data }) => data.n)).toEqual([0, 1, 2])
})

test('an event goes to the broker that its topic is on when it is due', async () => {
  await using t = await testApp({ modules, roles: ['api'], kafkaBrokers: [] })
  await setDue(t, [0])
  const first = await fireTimers(t.database, {
    after: beginning,
    others: [],
    lanes: { dues: 'elsewhere' },
    horizonMs: 0,
  })
  expect(first?.lanes).toEqual(['elsewhere'])
  await setDue(t, [1])
  // A process that does not have the topic keeps to what was written with the timer.
  const second = await fireTimers(t.database, { after: beginning, others: [], lanes: { others: 'no' }, horizonMs: 0 })
  expect(second?.lanes).toEqual(['postgres'])
  const { rows } = await t.database.query('SELECT lane FROM millrace.outbox ORDER BY seq')
  expect(rows).toEqual([{ lane: 'elsewhere' }, { lane: 'postgres' }])
})
