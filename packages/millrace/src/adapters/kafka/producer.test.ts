import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { OutgoingRecord, RecordHeader } from '../../ports/broker.ts'
import { codeIn, placeOf, record, type Stage, stageOn, theBrokers, valuesIn } from './kafka.fixture.ts'

let stage: Stage

beforeAll(() => {
  stage = stageOn(theBrokers())
})

afterAll(() => stage[Symbol.asyncDispose]())

describe('what is produced', () => {
  test('is where the results say, in order', async () => {
    const { producer } = stage
    const topics = [await stage.topic(3), await stage.topic(1)]
    const records = Array.from({ length: 500 }, (_, n) =>
      record(topics[n % 2] ?? '', n % 7 === 0 ? null : `key ${n % 20}`, `value ${n}`),
    )

    const results = await producer.produce(records)

    const read = new Map(await Promise.all(topics.map(async (topic) => [topic, await stage.read(topic)] as const)))
    for (const [n, { topic, key, value }] of records.entries()) {
      const { partition, offset } = placeOf(results[n])
      expect(read.get(topic)?.[partition]?.[offset]).toMatchObject({ offset, key, value })
    }
    expect([...read.values()].flat(2)).toHaveLength(500)
    for (const records of [...read.values()].flat())
      expect(records.map(({ offset }) => offset)).toEqual([...records.keys()])
  })

  test('keeps the order of calls, awaited or not, from the first one on', async () => {
    const topic = await stage.topic(3)
    const keys = ['a', 'b', 'c', 'd']
    await using fresh = stageOn(theBrokers())

    await Promise.all(
      Array.from({ length: 200 }, (_, n) => fresh.producer.produce(keys.map((key) => record(topic, key, String(n))))),
    )

    const read = (await stage.read(topic)).flat()
    const expected = Array.from({ length: 200 }, (_, n) => String(n))
    for (const key of keys) expect(valuesIn(read, key)).toEqual(expected)
  })

  test('is what it was: repeated headers, null, nothing, every byte', async () => {
    const topic = await stage.topic(1)
    const everyByte = Uint8Array.from({ length: 256 }, (_, n) => n)
    const nothing = new Uint8Array()
    const headers: RecordHeader[] = [
      ['same', everyByte],
      ['other ünï', nothing],
      ['same', Buffer.from('2')],
      ['same', everyByte],
    ]
    const records: OutgoingRecord[] = [
      { topic, key: everyByte, value: everyByte, headers },
      { topic, key: nothing, value: nothing, headers: [] },
      { topic, key: null, value: null, headers: [['', nothing]] },
      { topic, key: nothing, value: null, headers: [] },
      { topic, key: null, value: nothing, headers },
    ]

    await stage.producer.produce(records)

    const [read] = await stage.read(topic)
    const plain = ({ key, value, headers }: Omit<OutgoingRecord, 'topic'>) => ({
      key: key && [...key],
      value: value && [...value],
      headers: headers.map(([name, bytes]) => [name, [...bytes]]),
    })
    expect(read?.map(plain)).toEqual(records.map(plain))
  })

  test('shares a partition with the others of its call that have no key, and the next call takes the next one', async () => {
    const topic = await stage.topic(4)
    const partitions = []
    for (let call = 0; call < 8; call += 1) {
      const results = await stage.producer.produce([1, 2, 3].map((n) => record(topic, null, String(n))))
      partitions.push(new Set(results.map((result) => placeOf(result).partition)))
    }

    expect(partitions.every((used) => used.size === 1)).toBe(true)
    const [first = 0] = partitions[0] ?? []
    expect(partitions.map(([used]) => used)).toEqual(partitions.map((_, call) => (first + call) % 4))
  })

  test('may be more than a batch, a request or a socket takes at once', async () => {
    const topic = await stage.topic(2)
    const records = Array.from({ length: 300 }, (_, n) => ({
      ...record(topic, `key ${n % 10}`, null),
      value: randomBytes(100_000),
    }))

    const results = await stage.producer.produce(records)

    const read = await stage.read(topic)
    for (const [n, { value }] of records.entries()) {
      const { partition, offset } = placeOf(results[n])
      expect(value.equals(read[partition]?.[offset]?.value ?? Buffer.alloc(0))).toBe(true)
    }
  })

  test('reaches partitions that are added later', async () => {
    await using quick = stageOn(theBrokers(), { topicRefresh: '50ms' })
    const topic = await quick.topic(1)
    const produce = async () => placeOf((await quick.producer.produce([record(topic, null, 'x')]))[0]).partition
    expect(await produce()).toBe(0)
    await quick.admin.createPartitions({ topics: [{ name: topic, count: 3 }] })

    await expect.poll(produce).toBe(2)
  })
})

describe('what the broker refuses', () => {
  test('is told of its record; later ones of its key are not taken, others are', async () => {
    const topic = await stage.topic(1, { 'max.message.bytes': '2000' })
    const small = Array.from({ length: 60 }, (_, n) => record(topic, `key ${n % 6}`, `${n}`))
    const records = small.with(27, record(topic, 'key 3', 'x'.repeat(4_000)))

    const results = await stage.producer.produce(records)

    const codes = results.map(codeIn)
    expect(codes[27]).toBe('RECORD_TOO_LARGE')
    const held = records.keys().filter((n) => n > 27 && n % 6 === 3)
    expect(codes.flatMap((code, n) => (code === 'RECORD_HELD' ? [n] : []))).toEqual([...held])
    const [read = []] = await stage.read(topic)
    const taken = records.filter((_, n) => codes[n] === undefined)
    expect(valuesIn(read)).toEqual(taken.map(({ value }) => String(value)))
    expect(taken).toHaveLength(60 - 6)
    for (const result of results) if (!('error' in result)) expect(read[result.offset]?.offset).toBe(result.offset)
  })

  test('stands alone when it is more than a whole batch may be, and holds no record without a key', async () => {
    const topic = await stage.topic(1, { 'max.message.bytes': '1048588' })
    const big = { ...record(topic, null, null), value: randomBytes(1_500_000) }

    const results = await stage.producer.produce([record(topic, null, '1'), big, record(topic, null, '2')])

    expect(results.map(codeIn)).toEqual([undefined, 'RECORD_TOO_LARGE', undefined])
    expect(results[1]).toMatchObject({ error: { status: 413, details: { topic, size: 1_500_000 } } })
    expect((await stage.read(topic)).map((read) => valuesIn(read))).toEqual([['1', '2']])
  })

  test('does not hold up its partition afterwards', async () => {
    const topic = await stage.topic(1, { 'max.message.bytes': '2000' })
    await stage.producer.produce([record(topic, 'key', 'x'.repeat(4_000))])

    const results = await stage.producer.produce([record(topic, 'key', 'after')])

    expect(results.map(placeOf)).toEqual([{ partition: 0, offset: 0 }])
  })

  test('may be refused for what it is: without a key in a compacted topic', async () => {
    const topic = await stage.topic(1, { 'cleanup.policy': 'compact' })

    const results = await stage.producer.produce([
      record(topic, 'key', '1'),
      record(topic, null, 'no key'),
      record(topic, 'key', '2'),
    ])

    expect(results.map(codeIn)).toEqual([undefined, 'RECORD_REFUSED', undefined])
    const [, refused] = results
    expect(refused && 'error' in refused && refused.error.message).toMatch(/without key.*INVALID_RECORD/)
  })

  test('may be no record at all', async () => {
    const topic = await stage.topic(2)
    const keys = ['a', 'b', 'c', 'd']
    const records = keys.map((key) => record(topic, key, 'fine'))

    const results = await stage.producer.produce([...records, { ...record(topic, 'a', null), value: 5 as never }])

    expect(results.map(codeIn)).toEqual([undefined, undefined, undefined, undefined, 'RECORD_REFUSED'])
    expect((await stage.read(topic)).flat()).toHaveLength(4)
  })

  test('is a topic that is not there: the others of the call are taken', async () => {
    const topic = await stage.topic(1)

    const results = await stage.producer.produce([record('missing', 'a', '1'), record(topic, 'a', '2')])

    expect(codeIn(results[0])).toBe('TOPIC_UNKNOWN')
    expect(placeOf(results[1])).toEqual({ partition: 0, offset: 0 })
  })

  test('is a topic that was deleted; one that is created anew is written to', async () => {
    const topic = await stage.topic(2)
    await stage.producer.produce([record(topic, 'a', '1')])
    await stage.admin.deleteTopics({ topics: [topic] })
    const produce = async () => (await stage.producer.produce([record(topic, 'a', '2')]))[0]
    await expect.poll(async () => codeIn(await produce()), { timeout: 20_000 }).toBe('TOPIC_UNKNOWN')

    await stage.topics.ensure([{ name: topic, partitions: 2 }])

    expect(placeOf(await produce()).offset).toBe(0)
  })
})

describe('stopping', () => {
  test('waits for what is under way', async () => {
    const topic = await stage.topic(1)
    await using stopping = stageOn(theBrokers())
    const under = stopping.producer.produce([record(topic, 'a', '1')])

    await stopping.producer.stop()

    expect((await under).map(placeOf)).toEqual([{ partition: 0, offset: 0 }])
    await expect(stopping.producer.produce([record(topic, 'a', '2')])).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
  })

  test('takes a call without records', async () => {
    expect(await stage.producer.produce([])).toEqual([])
  })
})
