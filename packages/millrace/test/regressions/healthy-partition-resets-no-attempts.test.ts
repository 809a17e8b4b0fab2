import { expect, test } from 'vitest'
import { partitionOf } from '../../src/core/partitioner.ts'
import { countOf, effectsOf, numbers, publishSteps, startSteps } from '../../src/delivery/operations.fixture.ts'
import { steps } from '../../src/delivery/steps.fixture.ts'
import { defineConsumer } from '../../src/index.ts'

const partitions = 2
const attempts = 4

test('a record’s attempts run out while the other partition succeeds between each two of them', async () => {
  const [bad = '', healthy = ''] = [0, 1].map((partition) => keyIn(partition))
  let tried = 0
  /** How many healthy records had been handled at each attempt. */
  const between: number[] = []
  let handled = 0
  const consumer = defineConsumer({
    name: 'steps',
    topic: steps,
    retry: { attempts, backoff: () => 200 },
    on: {
      Step: async ({ data: { key, n } }, unit) => {
        if (key === bad) {
          tried += 1
          between.push(handled)
          throw new Error('never')
        }
        await unit.db.query("INSERT INTO effect (consumer, key, n) VALUES ('steps', $1, $2)", [key, n])
        unit.afterCommit(() => {
          handled += 1
        })
      },
    },
  })
  await using t = await startSteps([consumer], { topicPartitions: partitions })
  await publishSteps(t, [bad], 0, 1)
  let published = 0
  const deadline = performance.now() + 20_000
  while ((await countOf(t, 'dead_letter')) === 0 && performance.now() < deadline) {
    await publishSteps(t, [healthy], published, published + 1)
    published += 1
    await expect.poll(() => handled, { interval: 5 }).toBe(published)
  }
  const { rows } = await t.database.query('SELECT attempts FROM millrace.dead_letter')
  expect(rows).toEqual([{ attempts }])
  expect(tried).toBe(attempts)
  // Successes did come between the attempts: otherwise this proves nothing.
  expect(new Set(between).size).toBe(attempts)
  expect(await effectsOf(t, 'steps')).toEqual({ [healthy]: numbers(published) })
})

function keyIn(partition: number): string {
  const found = numbers(100).find((n) => partitionOf(Buffer.from(`k${n}`), partitions) === partition)
  return `k${found}`
}
