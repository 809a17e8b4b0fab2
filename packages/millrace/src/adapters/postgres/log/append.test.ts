import { expect, test } from 'vitest'
import { bytes, onlyPartition, produce, readAll, record, text } from '../../../conformance/broker/stage.ts'
import type { BrokerRecord } from '../../../ports/broker.ts'
import type { AppendedRecords } from '../../../ports/bus.ts'
import { createTestLog } from './log.fixture.ts'

test('a rolled-back append leaves no gap', async () => {
  await using log = await createTestLog()
  const { broker, database } = await log.connect()
  await broker.ensureTopics([{ name: 'topic', partitions: 1 }])
  await produce(broker, [record('topic', 'key', 'first')])

  const rolledBack = database.transaction(async (transaction) => {
    const { results } = await broker.appendIn(transaction, [record('topic', 'key', 'never')])
    expect(results).toEqual([{ topic: 'topic', partition: 0, offset: 1 }])
    throw new Error('changed its mind')
  })
  await expect(rolledBack).rejects.toThrow('changed its mind')

  expect(await produce(broker, [record('topic', 'key', 'second')])).toMatchObject([{ offset: 1 }])
  const [records = []] = await readAll(broker, 'topic')
  expect(records.map(({ offset, value }) => [offset, text(value)])).toEqual([
    [0, 'first'],
    [1, 'second'],
  ])
})

test('an append within a transaction is seen after its commit, and announced to waiting readers', async () => {
  await using log = await createTestLog()
  const [{ broker, database }, other] = await Promise.all([log.connect(), log.connect({ pollInterval: '1h' })])
  await broker.ensureTopics([{ name: 'topic', partitions: 1 }])
  const readers = [await onlyPartition(broker, 'topic'), await onlyPartition(other.broker, 'topic')]
  const reading = Promise.all(readers.map((partition) => partition.open(0).read(10)))

  const appended = await database.transaction(async (transaction) => {
    const appended = await broker.appendIn(transaction, [record('topic', null, 'value')])
    expect(await other.broker.ranges('topic')).toEqual([{ start: 0, end: 0 }])
    return appended
  })
  appended.announce()

  for (const records of await reading) expect(records.map(({ value }) => text(value))).toEqual(['value'])
})

test('refuses to append in a transaction whose snapshot is older than the lock', async () => {
  await using log = await createTestLog()
  const { broker, database } = await log.connect()
  await broker.ensureTopics([{ name: 'topic', partitions: 1 }])

  const appended = database.transaction(
    (transaction) => broker.appendIn(transaction, [record('topic', 'key', 'value')]),
    {
      isolation: 'repeatable read',
    },
  )

  await expect(appended).rejects.toThrow('READ COMMITTED')
})

test('waits for a partition that another transaction holds for longer than a lock may take', async () => {
  await using log = await createTestLog()
  const [{ broker, database }, other] = await Promise.all([log.connect(), log.connect()])
  await broker.ensureTopics([{ name: 'topic', partitions: 1 }])
  const { promise: held, resolve: hold } = Promise.withResolvers<void>()

  const holding = database.transaction(async (transaction) => {
    await broker.appendIn(transaction, [record('topic', 'key', 'first')])
    hold()
    await transaction.query('SELECT pg_sleep(3.5)')
  })
  await held
  const results = await produce(other.broker, [record('topic', 'key', 'second')])
  await holding

  expect(results).toMatchObject([{ offset: 1 }])
})

test('a batch of many statements is one append', async () => {
  await using log = await createTestLog()
  const { broker } = await log.connect()
  await broker.ensureTopics([{ name: 'topic', partitions: 3 }])
  const values = Array.from({ length: 12_000 }, (_, nth) => String(nth))

  const results = await produce(
    broker,
    values.map((value) => record('topic', `key ${value.at(-1)}`, value)),
  )

  const logs = await readAll(broker, 'topic')
  for (const [nth, { partition, offset }] of results.entries()) {
    expect(text(logs[partition]?.[offset]?.value ?? null)).toBe(values[nth])
  }
  expect(logs.flat()).toHaveLength(12_000)
})

test('names topics it does not have and takes the others', async () => {
  await using log = await createTestLog()
  const { broker } = await log.connect()
  await broker.ensureTopics([{ name: 'topic', partitions: 1 }])

  const results = await broker.produce([record('nowhere', 'key', 'value'), record('topic', 'key', 'value')])

  expect(results).toMatchObject([
    { topic: 'nowhere', error: { code: 'TOPIC_UNKNOWN' } },
    { topic: 'topic', offset: 0 },
  ])
})

test('a snapshot that is held open elsewhere keeps nothing for appends and reads to wade through', async () => {
  await using log = await createTestLog()
  const { broker, database } = await log.connect()
  const dump = (await log.connect()).database
  await broker.ensureTopics([{ name: 'topic', partitions: 1 }])
  const medianAppend = async () => {
    const times: number[] = []
    for (let nth = 0; nth < 200; nth += 1) {
      const startedAt = performance.now()
      await produce(broker, [record('topic', 'key', 'value')])
      times.push(performance.now() - startedAt)
    }
    return times.sort((a, b) => a - b)[100] ?? 0
  }
  await medianAppend()
  const before = await medianAppend()

  const during = await dump.transaction(
    async (transaction) => {
      await transaction.query('SELECT count(*) FROM millrace.log')
      for (let nth = 0; nth < 4; nth += 1) await medianAppend()
      return medianAppend()
    },
    { isolation: 'repeatable read' },
  )

  expect(during).toBeLessThan(5 * before + 1)
  const { rows } = await database.query<{ changed: string }>(
    `SELECT sum(pg_stat_get_tuples_updated(relid) + pg_stat_get_tuples_deleted(relid)) AS changed
       FROM pg_partition_tree('millrace.log')`,
  )
  expect(Number(rows[0]?.changed)).toBe(0)
})

test('who listens is told of what was appended as readers are given it, once it is committed', async () => {
  await using log = await createTestLog()
  const [{ broker, database }, other] = await Promise.all([log.connect(), log.connect()])
  const [described] = await broker.ensureTopics([{ name: 'topic', partitions: 1 }])
  await broker.ensureTopics([{ name: 'another', partitions: 1 }])
  const told: AppendedRecords[] = []
  broker.onAppended('topic', (appended) => void told.push(appended))

  await produce(broker, [record('topic', 'key', 'first'), record('another', 'key', 'not told'), nullRecord])
  await produce(other.broker, [record('topic', 'key', 'another process’s')])
  const appended = await database.transaction((transaction) =>
    broker.appendIn(transaction, [record('topic', null, 'last')]),
  )
  expect(told).toHaveLength(1)
  appended.announce()

  const [records = []] = await readAll(broker, 'topic')
  const place = { topicId: described?.id, partition: 0 }
  expect(told.map(comparable)).toEqual([
    comparable({ ...place, records: records.slice(0, 2) }),
    comparable({ ...place, records: records.slice(3) }),
  ])
})

test('a process of the version before goes on appending', async () => {
  await using log = await createTestLog()
  const { broker, database } = await log.connect()
  await broker.ensureTopics([{ name: 'topic', partitions: 1 }])
  await produce(broker, [record('topic', 'key', 'first')])

  const { rows } = await database.query(
    `SELECT millrace.log_append('{1024}', '{1}', '{0}', '{1}', '{0}', '{1}', '{null}', '{6}', '{0}', 'second') AS bases`,
  )

  expect(rows).toEqual([{ bases: ['1'] }])
  const [records = []] = await readAll(broker, 'topic')
  expect(records.map(({ value }) => text(value))).toEqual(['first', 'second'])
})

const nullRecord = { topic: 'topic', key: null, value: null, headers: [['name', bytes('value')]] } as const

/** Bytes as texts: readers are given views, appenders have their own. */
function comparable({ records, ...place }: { readonly records: readonly BrokerRecord[] }) {
  const plain = ({ key, value, headers, ...rest }: BrokerRecord) => ({
    ...rest,
    key: key && text(key),
    value: value && text(value),
    headers: headers.map(([name, bytes]) => [name, text(bytes)]),
  })
  return { ...place, records: records.map(plain) }
}
