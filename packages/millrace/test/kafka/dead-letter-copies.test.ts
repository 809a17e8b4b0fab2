import { ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from '@platformatic/kafka'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConsumer, defineModule, defineTopic } from '../../src/index.ts'
import { type TestApp, testApp } from '../../src/testing/index.ts'
import { Logs } from '../faults/logs.ts'
import { until } from '../faults/until.ts'
import { brokers, nameOnCluster, theCluster } from './cluster.fixture.ts'

const deadLetterTopic = 'dead-letters'

const orders = defineTopic('orders', { partitions: 1, events: { Order: z.object({ n: z.int(), text: z.string() }) } })
const consumer = defineConsumer({ name: 'ship', topic: orders, on: { Order: () => {} } })
const modules = [defineModule({ name: 'orders', topics: [orders], consumers: [consumer] })]

const start = (options: { databaseUrl?: string; roles?: ['api'] } = {}) =>
  testApp({ modules, deadLetterTopic, kafkaBrokers: brokers(), ...options })

async function copiesIn(t: TestApp) {
  await using logs = Logs.of(t.databaseUrl, brokers())
  const records = await logs.records('kafka', deadLetterTopic)
  return records.map(({ value, headers }) => ({
    value: value && Buffer.from(value).toString(),
    ...Object.fromEntries(headers.map(([name, bytes]) => [name, Buffer.from(bytes).toString()])),
  }))
}

async function deadLetters(t: TestApp): Promise<unknown[]> {
  const { rows } = await t.database.query('SELECT consumer_id, topic, code FROM millrace.dead_letter ORDER BY id')
  return rows
}

async function publish(t: TestApp, text: string): Promise<void> {
  await t.millrace.transaction(async (unit) => unit.publish(orders.events.Order({ n: 1, text })))
}

/** What the broker takes of a topic at most, in bytes. */
async function limit(t: TestApp, topic: string, bytes: number): Promise<void> {
  const { SET: configOperation } = IncrementalAlterConfigOperationTypes
  const configs = [{ name: 'max.message.bytes', configOperation, value: String(bytes) }]
  const resources = [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: nameOnCluster(t, topic), configs }]
  await theCluster().admin.incrementalAlterConfigs({ resources })
}

test('a topic for copies that is not there holds up nothing: they wait, and go out when it is', async () => {
  await using t = await start()
  await theCluster().admin.deleteTopics({ topics: [nameOnCluster(t, deadLetterTopic)] })
  await t.produce({ topic: 'orders', value: Buffer.from('{') })
  await until('it is a dead letter', async () => (await deadLetters(t)).length === 1)
  await until('its copy waits', async () => {
    const { rows } = await t.database.query('SELECT FROM millrace.outbox_parked')
    return rows.length === 1
  })
  await publish(t, 'later')
  await until('the next is handled', async () => {
    const { rows } = await t.database.query('SELECT FROM millrace.position WHERE next_offset = 2')
    return rows.length === 1
  })
  await using _creator = await start({ databaseUrl: t.databaseUrl, roles: ['api'] })
  await t.settled()
  expect(await copiesIn(t)).toMatchObject([{ value: '{', dead_letter_code: 'RECORD_UNDECODABLE' }])
})

test('a publish that the broker refuses is copied; a copy that it refuses is a dead letter without one', async () => {
  await using t = await start()
  await limit(t, 'orders', 500)
  await publish(t, 'x'.repeat(1_000))
  await t.settled()
  const refused = { consumer_id: null, topic: 'orders', code: 'RECORD_TOO_LARGE' }
  expect(await deadLetters(t)).toEqual([refused])
  const [copy, ...more] = await copiesIn(t)
  expect(more).toEqual([])
  expect(copy).toMatchObject({
    value: JSON.stringify({ n: 1, text: 'x'.repeat(1_000) }),
    ce_type: 'Order',
    dead_letter_topic: 'orders',
    dead_letter_code: 'RECORD_TOO_LARGE',
    dead_letter_attempts: '1',
  })
  expect(copy).not.toHaveProperty('dead_letter_consumer')
  expect(copy).not.toHaveProperty('dead_letter_offset')

  await limit(t, deadLetterTopic, 500)
  await publish(t, 'y'.repeat(1_000))
  await t.settled()
  expect(await deadLetters(t)).toEqual([refused, refused, { ...refused, topic: deadLetterTopic }])
  expect(await copiesIn(t)).toHaveLength(1)
})
