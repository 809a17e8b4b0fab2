import { expect, onTestFinished, test } from 'vitest'
import { Step, steps, stepsModule } from '../../src/delivery/steps.fixture.ts'
import { defineConsumer } from '../../src/index.ts'
import { type TestApp, testApp } from '../../src/testing/index.ts'
import { until } from '../faults/until.ts'

const partitions = 4
/**
 * How long stopping may take. The first has a handler that never ends: the consumer waits for it, then the database for its
 * connection, ten seconds each. The second has nothing to wait for but the rebalance.
 */
const longestMs = { first: 25_000, second: 10_000 }

/** Two processes, of which the first is in a handler that does not end: the second waits for its partitions. */
async function pending() {
  const entered = Promise.withResolvers<void>()
  const never = Promise.withResolvers<void>()
  onTestFinished(() => never.resolve())
  const consumer = defineConsumer({
    name: 'pending',
    topic: steps,
    on: {
      Step: async () => {
        entered.resolve()
        await never.promise
      },
    },
  })
  const modules = [stepsModule(consumer)]
  const first = await testApp({ modules, topicPartitions: partitions })
  onTestFinished(() => first.stop())
  await first.millrace.transaction(async (unit) => unit.publish(Step({ key: 'a', n: 0 })))
  await entered.promise
  const second = await testApp({ modules, databaseUrl: first.databaseUrl })
  onTestFinished(() => second.stop())
  await until('the rebalance has begun', async () => (await partitionsOf(first)) < partitions)
  return { first, second, letGo: never.resolve }
}

test.each(['first', 'second'] as const)(
  'the %s of two processes stops while a rebalance waits for a handler',
  {
    timeout: 90_000,
  },
  async (which) => {
    const both = await pending()
    const began = performance.now()
    await both[which].app.stop()
    expect(performance.now() - began).toBeLessThan(longestMs[which])

    const other = both[which === 'first' ? 'second' : 'first']
    both.letGo()
    await until('the other has all partitions', async () => (await partitionsOf(other)) === partitions, 30_000)
    await other.settled()
  },
)

async function partitionsOf(t: TestApp): Promise<number> {
  return (await t.http.get('/health/progress')).json().consumers[0]?.partitions.length
}
