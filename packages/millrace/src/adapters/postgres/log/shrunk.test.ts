import { expect, test } from 'vitest'
import { onlyPartition, produce, readFrom, record, text } from '../../../conformance/broker/stage.ts'
import { createTestLog } from './log.fixture.ts'

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, nth) => record('topic', 'key', String(from + nth)))

test('a reader ends when the database loses the commits it has read, and another reads what comes in their place', async () => {
  await using log = await createTestLog()
  const { broker, database } = await log.connect()
  await broker.ensureTopics([{ name: 'topic', partitions: 1 }])
  const partition = await onlyPartition(broker, 'topic')
  await produce(broker, numbered(0, 10))
  const reader = partition.open(0)
  expect(await reader.read(10)).toHaveLength(10)

  // A replica that was behind by five has taken over.
  await database.query('DELETE FROM millrace.log WHERE "offset" >= 5')
  await expect(reader.read(1)).rejects.toMatchObject({ code: 'LOG_SHRANK' })

  await produce(broker, numbered(5, 8))
  const again = await readFrom(partition, 5, 3)
  expect(again.map(({ offset, value }) => [offset, text(value)])).toEqual([
    [5, '5'],
    [6, '6'],
    [7, '7'],
  ])
})

test('a reader ends where the log was replaced and has come further again before anybody looked', async () => {
  await using log = await createTestLog()
  const { broker, database } = await log.connect()
  await broker.ensureTopics([{ name: 'topic', partitions: 1 }])
  const partition = await onlyPartition(broker, 'topic')
  await produce(broker, numbered(0, 10))
  const reader = partition.open(0)
  expect(await reader.read(10)).toHaveLength(10)

  const { announce } = await database.transaction(async (transaction) => {
    await transaction.query('DELETE FROM millrace.log WHERE "offset" >= 5')
    return broker.appendIn(transaction, numbered(5, 20))
  })
  announce()

  await expect(reader.read(1)).rejects.toMatchObject({ code: 'LOG_REPLACED' })
  const again = await readFrom(partition, 5, 15)
  expect(again.map(({ value }) => text(value))).toEqual(Array.from({ length: 15 }, (_, nth) => String(5 + nth)))
})

test('a reader goes on over records of every size', async () => {
  await using log = await createTestLog()
  const { broker } = await log.connect()
  await broker.ensureTopics([{ name: 'topic', partitions: 1 }])
  const partition = await onlyPartition(broker, 'topic')
  const reader = partition.open(0)
  // More than a piece has room for, and next to nothing behind it.
  for (const size of [1, 700_000, 1, 1_200_000, 1_200_000, 2]) {
    const [taken] = await produce(broker, [record('topic', 'key', 'x'.repeat(size))])
    expect((await reader.read(10)).map(({ offset, value }) => [offset, value?.length])).toEqual([[taken?.offset, size]])
  }
})

test('a reader that was opened beyond the end waits, and is no sign of lost commits', async () => {
  await using log = await createTestLog()
  const { broker } = await log.connect()
  await broker.ensureTopics([{ name: 'topic', partitions: 1 }])
  const partition = await onlyPartition(broker, 'topic')
  await produce(broker, numbered(0, 3))
  const reader = partition.open(4)
  const read = reader.read(1)
  await produce(broker, numbered(3, 6))
  expect((await read).map(({ offset }) => offset)).toEqual([4])
})
