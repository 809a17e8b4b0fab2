import { expect, test } from 'vitest'
import { numbers, publishSteps, startSteps } from '../../src/delivery/operations.fixture.ts'
import { steps } from '../../src/delivery/steps.fixture.ts'
import { type Consumer, defineConsumer } from '../../src/index.ts'
import { until } from '../faults/until.ts'

const partitions = 4
const rows = numbers(4)
const keys = numbers(20).map((n) => `k${n}`)
const perKey = 10

/** Each event adds one to every row: upwards for some keys, downwards for the others, as no two of them agreed. */
function adder(name: string): Consumer {
  return defineConsumer({
    name,
    topic: steps,
    on: {
      Step: async ({ data: { key } }, unit) => {
        const order = Number(key.slice(1)) % 2 === 0 ? rows : rows.toReversed()
        for (const row of order) await unit.db.query('UPDATE counter SET n = n + 1 WHERE id = $1', [row])
      },
    },
  })
}

test('two consumers update the same rows from four partitions, in any order: no update is lost, none counts as a failure', {
  timeout: 180_000,
}, async () => {
  await using t = await startSteps([adder('one'), adder('two')], { topicPartitions: partitions, poolSize: 12 })
  await t.database.query('CREATE TABLE counter (id int PRIMARY KEY, n int NOT NULL DEFAULT 0)')
  await t.database.query('INSERT INTO counter SELECT * FROM unnest($1::int[])', [rows])
  await publishSteps(t, keys, 0, perKey)
  const handled = async () => {
    const found = await t.database.query<{ next: number }>(
      'SELECT sum(next_offset)::int AS next FROM millrace.position',
    )
    return found.rows[0]?.next
  }
  await until('all are handled', async () => (await handled()) === 2 * keys.length * perKey, 120_000)
  await t.settled()

  const counted = await t.database.query<{ n: number }>('SELECT n FROM counter')
  expect(counted.rows.map(({ n }) => n)).toEqual(rows.map(() => 2 * keys.length * perKey))
  expect((await t.database.query('SELECT FROM millrace.dead_letter')).rows).toEqual([])
  // Otherwise they have not met, and this proves nothing.
  const met = await t.database.query<{ deadlocks: number }>(
    'SELECT pg_stat_force_next_flush(), deadlocks::int FROM pg_stat_database WHERE datname = current_database()',
  )
  expect(met.rows[0]?.deadlocks).toBeGreaterThan(0)
})
