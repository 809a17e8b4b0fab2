import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { onlyPartition, produce, readFrom, record, text } from '../../../conformance/broker/stage.ts'
import type { Database } from '../../../ports/database.ts'
import type { PostgresBroker } from './index.ts'
import { createTestLog } from './log.fixture.ts'

async function startBeyond(broker: PostgresBroker, offset: number): Promise<number> {
  for (;;) {
    const [range] = await broker.ranges('topic')
    if (range && range.start > offset) return range.start
    await pause(20)
  }
}

test('old slices go, the start moves, and no offset is given twice', async () => {
  await using log = await createTestLog()
  const { broker, database } = await log.connect({ retention: '1s', slice: '1s' })
  await broker.ensureTopics([{ name: 'topic', partitions: 1 }])
  const partition = await onlyPartition(broker, 'topic')
  await produce(broker, [record('topic', 'key', 'a'), record('topic', 'key', 'b')])
  const slow = partition.open(0)
  expect(await slow.read(1)).toHaveLength(1)

  expect(await startBeyond(broker, 0)).toBe(2)
  expect(await partition.range()).toEqual({ start: 2, end: 2 })
  const { rows } = await database.query('SELECT FROM millrace.log')
  expect(rows).toEqual([])

  expect(await produce(broker, [record('topic', 'key', 'c')])).toMatchObject([{ offset: 2 }])
  const [found] = await readFrom(partition, 0, 1)
  expect([found?.offset, text(found?.value ?? null)]).toEqual([2, 'c'])
})

test('a reader goes on behind what was dropped before it came there', async () => {
  await using log = await createTestLog()
  const { broker } = await log.connect({ retention: '1s', slice: '1s' })
  await broker.ensureTopics([{ name: 'topic', partitions: 1 }])
  const partition = await onlyPartition(broker, 'topic')
  await produce(
    broker,
    Array.from({ length: 3_000 }, (_, nth) => record('topic', 'key', String(nth))),
  )
  const reader = partition.open(0)
  let next = (await reader.read(1)).length

  const start = await startBeyond(broker, 0)
  await produce(broker, [record('topic', 'key', 'after')])

  for (let seen = ''; seen !== 'after'; ) {
    const records = await reader.read(1_000)
    for (const { offset, value } of records) {
      expect(offset === next || offset === start).toBe(true)
      next = offset + 1
      seen = text(value)
    }
  }
  expect(next).toBe(start + 1)
})

async function dropSlices(database: Database): Promise<void> {
  const { rows } = await database.query<{ slice: string }>(
    `SELECT relid::text AS slice FROM pg_partition_tree('millrace.log') WHERE isleaf`,
  )
  for (const { slice } of rows) await database.query(`DROP TABLE ${slice}`)
}

test('an append within a transaction passes again soon, when all slices made ahead were slept past', async () => {
  await using log = await createTestLog()
  const { broker, database } = await log.connect()
  await broker.ensureTopics([{ name: 'topic', partitions: 1 }])
  await dropSlices(database)
  const append = () => {
    return database.transaction((transaction) => broker.appendIn(transaction, [record('topic', 'key', 'value')]))
  }

  const first = await append().catch((error: unknown) => error)
  expect(database.faultOf(first)).toBe('unavailable')

  let appended = await append().catch(() => undefined)
  while (appended === undefined) {
    await pause(20)
    appended = await append().catch(() => undefined)
  }
  expect(appended.results).toMatchObject([{ offset: 0 }])
})

test('creates the slice it needs when it slept past those made ahead', async () => {
  await using log = await createTestLog()
  const { broker, database } = await log.connect()
  await broker.ensureTopics([{ name: 'topic', partitions: 1 }])
  await dropSlices(database)

  expect(await produce(broker, [record('topic', 'key', 'value')])).toMatchObject([{ offset: 0 }])
})
