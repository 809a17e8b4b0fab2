import { expect, test } from 'vitest'
import { numbers } from '../../src/delivery/operations.fixture.ts'
import { steps, stepsModule } from '../../src/delivery/steps.fixture.ts'
import { defineConsumer } from '../../src/index.ts'
import { type TestApp, testApp } from '../../src/testing/index.ts'
import { until } from '../faults/until.ts'

const partitions = 4
const keys = numbers(40).map((n) => `k${n}`)

/** A consumer whose handlers wait, each time it is said which one runs. */
function waiting() {
  const entered = Promise.withResolvers<void>()
  const mayEnd = Promise.withResolvers<void>()
  const tried: string[] = []
  const consumer = defineConsumer({
    name: 'drained',
    topic: steps,
    on: {
      Step: async ({ data: { key } }) => {
        tried.push(key)
        if (new Set(tried).size === 1) entered.resolve()
        await mayEnd.promise
      },
    },
  })
  return { entered: entered.promise, letGo: mayEnd.resolve, tried, consumer }
}

/** Without ids of their own, so that nothing but the position keeps them from being handled twice. */
async function produceAll(t: TestApp): Promise<void> {
  for (const [n, key] of keys.entries()) {
    await t.produce({ topic: 'steps', key: Buffer.from(key), value: Buffer.from(JSON.stringify({ key, n })) })
  }
}

test('what is handled to its end while the process stops is not handled again by the next', async () => {
  const { entered, letGo, tried, consumer } = waiting()
  const modules = [stepsModule(consumer)]
  await using t = await testApp({ modules, topicPartitions: partitions })
  await produceAll(t)
  await entered
  const stopped = t.app.stop()
  letGo()
  await stopped
  await using next = await testApp({ modules, databaseUrl: t.databaseUrl })
  await next.settled()
  expect(tried.toSorted()).toEqual(keys.toSorted())
})

test('what is handled to its end while its partition goes to another process is not handled again there', async () => {
  const { entered, letGo, tried, consumer } = waiting()
  const modules = [stepsModule(consumer)]
  await using first = await testApp({ modules, topicPartitions: partitions })
  await produceAll(first)
  await entered
  const starting = testApp({ modules, databaseUrl: first.databaseUrl })
  await until('it gives up a partition, and ends its chunk first', async () => (await partitionsOf(first)) < partitions)
  letGo()
  await using second = await starting
  await until('both have partitions', async () => {
    const shares = await Promise.all([first, second].map(partitionsOf))
    return shares.every((share) => share > 0)
  })
  await until('all is handled', async () => new Set(tried).size === keys.length)
  expect(tried.toSorted()).toEqual(keys.toSorted())
})

async function partitionsOf(t: TestApp): Promise<number> {
  return (await t.http.get('/health/progress')).json().consumers[0]?.partitions.length
}
