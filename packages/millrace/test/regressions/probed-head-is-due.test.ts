import { expect, test } from 'vitest'
import { countOf, effectsOf, numbers, publishSteps, startSteps } from '../../src/delivery/operations.fixture.ts'
import { steps } from '../../src/delivery/steps.fixture.ts'
import { defineConsumer } from '../../src/index.ts'
import { until } from '../faults/until.ts'

const keys = numbers(40).map((n) => `k${n}`)

test('a parked record that a probe has prepared in vain is due still: not when the lease of the probe runs out', {
  timeout: 60_000,
}, async () => {
  let isDown = true
  let parkedTried = 0
  const consumer = defineConsumer({
    name: 'steps',
    topic: steps,
    // The parked one has its second attempt when the breaker is open.
    retry: { backoff: () => 2_000 },
    prepare: {
      Step: ({ data: { key } }) => {
        if (key === 'parked') parkedTried += 1
        if (isDown) throw new Error('the other service is away')
      },
    },
    on: {
      Step: async ({ data: { key, n } }, unit) => {
        await unit.db.query("INSERT INTO effect (consumer, key, n) VALUES ('steps', $1, $2)", [key, n])
      },
    },
  })
  await using t = await startSteps([consumer])
  await publishSteps(t, ['parked'], 0, 1)
  await until('it is parked', async () => (await countOf(t, 'parked')) === 1)
  await publishSteps(t, keys, 0, 1)
  const breaker = async () => (await t.http.get('/metrics')).body.match(/breaker_open\{.*\} (\d)/)?.[1]
  await until('the breaker is open', async () => (await breaker()) === '1')
  await until('the parked one is probed', () => parkedTried > 1, 30_000)
  await until(
    'it is not leased any more',
    async () => {
      const text = "SELECT FROM millrace.parked WHERE due_at > millrace.now() + interval '5 s'"
      return (await t.database.query(text)).rows.length === 0
    },
    5_000,
  )

  isDown = false
  await until('the breaker is closed', async () => (await breaker()) === '0', 20_000)
  await t.settled()
  expect(Object.keys(await effectsOf(t, 'steps'))).toHaveLength(keys.length + 1)
  expect(await countOf(t, 'dead_letter')).toBe(0)
})
