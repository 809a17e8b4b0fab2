import { expect, test } from 'vitest'
import { recorder, stepsModule } from '../../src/delivery/steps.fixture.ts'
import { testApp } from '../../src/testing/index.ts'
import { brokers, nameOnCluster, theCluster } from './cluster.fixture.ts'

test('records that are in a new partition before it is noticed are handled, also by a consumer that begins at the latest', async () => {
  const { consumer, seen } = recorder('grown', { from: 'latest' })
  const kafkaOptions = { topicRefresh: '2s' } as const
  await using t = await testApp({
    modules: [stepsModule(consumer)],
    topicPartitions: 1,
    kafkaBrokers: brokers(),
    kafkaOptions,
  })
  const topic = nameOnCluster(t, 'steps')
  const { admin, transactional } = theCluster()
  await admin.createPartitions({ topics: [{ name: topic, count: 3 }] })
  const producer = transactional(topic)
  const transaction = await producer.beginTransaction()
  const messages = [0, 1, 2].map((partition) => ({
    topic,
    partition,
    value: Buffer.from(`{"key":"k","n":${partition}}`),
  }))
  await transaction.send({ messages })
  await transaction.commit()
  expect((await t.http.get('/health/progress')).json().consumers[0]?.partitions).toHaveLength(1)

  await expect.poll(() => seen.toSorted(), { timeout: 15_000 }).toEqual([0, 1, 2])
})
