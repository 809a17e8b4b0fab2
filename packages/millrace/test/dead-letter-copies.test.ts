import { afterEach, expect, test } from 'vitest'
import * as z from 'zod'
import { decodeHeaders } from '../src/core/record-headers.ts'
import { defineConsumer, defineModule, defineTopic } from '../src/index.ts'
import type { BrokerRecord } from '../src/ports/index.ts'
import { type TestApp, testApp } from '../src/testing/index.ts'
import { defaultKafkaBrokers } from '../src/testing/kafka.ts'
import { Logs } from './faults/logs.ts'

const deadLetterTopic = 'dead-letters'
const kafkaBrokers = defaultKafkaBrokers() ?? []
/** Where the app’s topics live. */
const broker = kafkaBrokers.length > 0 ? 'kafka' : 'postgres'
const adminToken = 'operators'

const orders = defineTopic('orders', { partitions: 1, events: { Order: z.object({ n: z.int() }) } })

let fails = true
afterEach(() => {
  fails = true
})

const consumer = defineConsumer({
  name: 'ship',
  topic: orders,
  retry: { attempts: 2, backoff: () => 1 },
  onDeadLetter: 'continue',
  on: {
    Order: () => {
      if (fails) throw new Error('out of paper \0')
    },
  },
})
const modules = [defineModule({ name: 'orders', topics: [orders], consumers: [consumer] })]

const start = () => testApp({ modules, deadLetterTopic, http: { host: '127.0.0.1', port: 0, adminToken } })

interface Copy extends Pick<BrokerRecord, 'key' | 'value'> {
  /** In order, those of the family as text. */
  readonly headers: readonly (readonly [string, unknown])[]
}

/** What other programs find in the topic, in the order of each partition. */
async function copiesIn(t: TestApp): Promise<Copy[]> {
  await using logs = Logs.of(t.databaseUrl, kafkaBrokers)
  const records = await logs.records(broker, deadLetterTopic)
  return records
    .toSorted((a, b) => a.timestamp - b.timestamp)
    .map(({ key, value, headers }) => ({ key, value, headers: headers.map(readable) }))
}

function readable([name, bytes]: readonly [string, Uint8Array]): readonly [string, unknown] {
  return name.startsWith('dead_letter_')
    ? [name.slice('dead_letter_'.length), Buffer.from(bytes).toString()]
    : [name, bytes]
}

async function deadLetters(t: TestApp): Promise<string[]> {
  const { rows } = await t.database.query<{ code: string }>('SELECT code FROM millrace.dead_letter ORDER BY id')
  return rows.map(({ code }) => code)
}

const isoTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)

test('a dead letter is published to the topic: what it was, and what happened; again when a redrive fails', async () => {
  await using t = await start()
  const poison = {
    key: Buffer.from([0xff, 0]),
    value: Buffer.from('{"n":1}'),
    headers: [['h', Buffer.from([0, 1])]],
  } as const
  await t.produce({ topic: 'orders', key: Buffer.from('k'), value: Buffer.from('{') })
  await t.produce({ topic: 'orders', ...poison })
  await t.settled()
  const undecodable = {
    key: Buffer.from('k'),
    value: Buffer.from('{'),
    headers: [
      ['consumer', 'ship'],
      ['topic', 'orders'],
      ['partition', '0'],
      ['offset', '0'],
      ['code', 'RECORD_UNDECODABLE'],
      ['reason', expect.stringContaining('not valid JSON')],
      ['attempts', '0'],
      ['failed_at', isoTime],
    ],
  }
  const failed = {
    key: poison.key,
    value: poison.value,
    headers: [
      ['h', Buffer.from([0, 1])],
      ['consumer', 'ship'],
      ['topic', 'orders'],
      ['partition', '0'],
      ['offset', '1'],
      ['code', 'Error'],
      ['reason', 'out of paper \0'],
      ['attempts', '2'],
      ['failed_at', isoTime],
    ],
  }
  expect(await copiesIn(t)).toEqual([undecodable, failed])

  const redrive = (payload: object) =>
    t.http.request({
      method: 'POST',
      url: '/admin/dead-letters/redrive',
      headers: { authorization: `Bearer ${adminToken}` },
      payload,
    })
  expect((await redrive({ reason: 'paper' })).json()).toMatchObject({ done: 1 })
  await t.settled()
  expect(await copiesIn(t)).toEqual([undecodable, failed, failed])
  fails = false
  expect((await redrive({ reason: 'paper' })).json()).toMatchObject({ done: 1 })
  await t.settled()
  expect(await copiesIn(t)).toHaveLength(3)
  expect(await deadLetters(t)).toEqual(['RECORD_UNDECODABLE'])
  // The dead letter itself has not become its copy.
  const { rows } = await t.database.query<{ headers: Buffer }>('SELECT headers FROM millrace.dead_letter')
  expect(decodeHeaders(rows[0]?.headers ?? Buffer.alloc(1))).toEqual([])
})

test('a record that is too large to be published is a dead letter all the same; its copy has no value', async () => {
  await using t = await start()
  await t.produce({ topic: 'orders', key: Buffer.from('k'), value: Buffer.alloc(2_000_000, 'x') })
  await t.settled()
  expect(await deadLetters(t)).toEqual(['RECORD_UNDECODABLE'])
  const [copy] = await copiesIn(t)
  expect(copy).toMatchObject({ key: Buffer.from('k'), value: null })
  expect(copy?.headers).toContainEqual(['value_omitted', '2000000'])
})

test('without the option there are no copies, and no topic', async () => {
  await using t = await testApp({ modules })
  await t.produce({ topic: 'orders', value: Buffer.from('{') })
  await t.settled()
  expect(await deadLetters(t)).toEqual(['RECORD_UNDECODABLE'])
  const { rows } = await t.database.query('SELECT FROM millrace.outbox')
  expect(rows).toEqual([])
})

test('its name is nobody else’s', async () => {
  await expect(testApp({ modules, deadLetterTopic: 'orders' })).rejects.toThrow(/Topic "orders".*taken twice/)
})
