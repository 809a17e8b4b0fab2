import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineModule, defineSchedule, defineTopic } from '../index.ts'
import { type TestApp, testApp } from '../testing/index.ts'

const topic = defineTopic('dues', { events: { Due: z.object({}) } })

/** The values of a metric's series, by their labels. */
async function metric(t: TestApp, name: string): Promise<Record<string, number>> {
  const { body } = await t.http.get('/metrics')
  const lines = [...body.matchAll(new RegExp(`^millrace_${name}(\\{.*\\})? (\\S+)$`, 'gm'))]
  return Object.fromEntries(lines.map(([, labels = '', value]) => [labels, Number(value)]))
}

test('metrics tell how timers fire and schedules run', async () => {
  let isFailing = false
  const schedule = defineSchedule('hourly', {
    cron: '0 * * * *',
    run: () => {
      if (isFailing) throw new Error('no')
    },
  })
  await using t = await testApp({ modules: [defineModule({ name: 'm', topics: [topic], schedules: [schedule] })] })
  await t.millrace.transaction(async (unit) => {
    for (let n = 0; n < 3; n += 1) unit.publishAfter('10s', topic.events.Due({}))
  })
  await t.clock.advance('3h')
  await t.settled()
  isFailing = true
  await t.clock.advance('1h')
  await t.settled()

  const labels = '{schedule="hourly"}'
  expect(await metric(t, 'timers_fired_total')).toEqual({ '': 3 })
  expect(await metric(t, 'timer_lateness_seconds_count')).toEqual({ '': 3 })
  expect((await metric(t, 'timer_lateness_seconds_sum'))['']).toBeGreaterThan(3 * 10_000)
  expect(await metric(t, 'schedule_runs_total')).toEqual({ [labels]: 1 })
  expect(await metric(t, 'schedule_ticks_skipped_total')).toEqual({ [labels]: 2 })
  expect(await metric(t, 'schedule_failures_total')).toEqual({ [labels]: 1 })
  expect(await metric(t, 'schedule_duration_seconds_count')).toEqual({ [labels]: 2 })
  // Counted now and then.
  await expect.poll(() => metric(t, 'timers_pending'), { timeout: 20_000 }).toEqual({ '': 0 })
})

test('progress tells of timers that do not fire, in the process that is to fire them', async () => {
  await using t = await testApp({ modules: [defineModule({ name: 'm', topics: [topic] })], progressTimeout: '200ms' })
  await using api = await testApp({ modules: [], roles: ['api'], databaseUrl: t.databaseUrl })
  const progress = async () => (await t.http.get('/health/progress')).json()
  while ((await progress()).timers === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
  expect((await api.http.get('/health/progress')).json()).not.toHaveProperty('timers')

  await t.database.query('ALTER TABLE millrace.timer RENAME TO away')
  while ((await progress()).ok) await new Promise((resolve) => setTimeout(resolve, 5))
  const { timers } = await progress()
  expect(timers).toMatchObject({ ok: false, problem: expect.stringMatching(/^none have fired for \d+ s/) })
  await t.database.query('ALTER TABLE millrace.away RENAME TO timer')
  while (!(await progress()).ok) await new Promise((resolve) => setTimeout(resolve, 5))
})
