import { expect, test } from 'vitest'
import { decodeHeaders } from '../../src/core/record-headers.ts'
import { recorder, stepsModule } from '../../src/delivery/steps.fixture.ts'
import { testApp } from '../../src/testing/index.ts'
import { brokers, nameOnCluster, theCluster } from './cluster.fixture.ts'

/** Kafka’s headers may have null for a value, and any bytes for a name; other programs write both. */
const headers = new Map<Buffer, Buffer | null>([
  [Buffer.from('ce_id'), null],
  [Buffer.from('ce_source'), null],
  [Buffer.from('ce_type'), null],
  [Buffer.from([0xff, 0xfe]), Buffer.from([0xff])],
  [Buffer.alloc(0), null],
  [Buffer.from('traceparent'), Buffer.from('00-nonsense')],
])

test('headers that break a deserialiser: null values, names that are no text; those around them are handled', async () => {
  const { consumer, seen } = recorder('headers')
  await using t = await testApp({ modules: [stepsModule(consumer)], topicPartitions: 1, kafkaBrokers: brokers() })
  const topic = nameOnCluster(t, 'steps')
  const producer = theCluster().transactional(topic)
  const transaction = await producer.beginTransaction()
  const messages = [1, 2, 3].map((n) => ({
    topic,
    partition: 0,
    value: Buffer.from(`{"key":"k","n":${n}}`),
    ...(n === 2 && { headers: headers as Map<Buffer, Buffer> }),
  }))
  await transaction.send({ messages })
  await transaction.commit()

  await expect.poll(() => seen).toEqual([1, 3])
  const { rows } = await t.database.query<{ code: string; headers: Buffer }>(
    'SELECT code, headers FROM millrace.dead_letter',
  )
  expect(rows).toMatchObject([{ code: 'RECORD_TYPE_UNKNOWN' }])
  expect(decodeHeaders(rows[0]?.headers ?? Buffer.alloc(0)).map(([name]) => name)).toContain('traceparent')
})
