import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import type { BrokerRecord } from '../../ports/broker.ts'
import { assignedPartitions, onlyPartition, produce, readAll, readFrom, record, type Stage, text } from './stage.ts'

/** How soon a waiting reader has a new record, at the median; polling alone takes longer. Usually it is a few ms. */
const wakesWithinMs = 200

function numbered(topic: string, from: number, count: number) {
  return Array.from({ length: count }, (_, nth) => record(topic, 'key', String(from + nth)))
}

function valuesOf(records: readonly BrokerRecord[]): number[] {
  return records.map(({ value }) => Number(text(value)))
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, nth) => from + nth)
}

async function latencies(from: Stage, otherProcess: boolean): Promise<number[]> {
  const reading = await from.connect()
  const writing = otherProcess ? await from.connect() : reading
  const topic = await from.topic(reading.broker, 1)
  const reader = (await onlyPartition(reading.broker, topic)).open(0)
  const found: number[] = []
  for (let nth = 0; nth < 20; nth += 1) {
    const read = reader.read(1)
    await produce(writing.broker, numbered(topic, nth, 1))
    const producedAt = performance.now()
    expect(valuesOf(await read)).toEqual([nth])
    found.push(performance.now() - producedAt)
  }
  return found.sort((a, b) => a - b)
}

/** Reading a partition that was assigned. */
export const readCases = {
  'gives records from before and after the join once each, in order': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topic = await stage.topic(broker, 1)
    await produce(broker, numbered(topic, 0, 30))
    const partition = await onlyPartition(broker, topic)

    const read = readFrom(partition, 0, 90)
    for (const from of [30, 50, 70]) await produce(broker, numbered(topic, from, 20))

    const records = await read
    expect(records.map(({ offset }) => offset)).toEqual(range(0, 90))
    expect(valuesOf(records)).toEqual(range(0, 90))
  },

  'reads on from any offset': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topic = await stage.topic(broker, 1)
    await produce(broker, numbered(topic, 0, 2_500))
    const partition = await onlyPartition(broker, topic)
    expect(await partition.range()).toEqual({ start: 0, end: 2_500 })

    for (const from of [0, 1, 1_234, 2_499]) {
      expect(valuesOf(await readFrom(partition, from, 2_500 - from))).toEqual(range(from, 2_500))
    }
  },

  'waits at the end, and beyond it': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topic = await stage.topic(broker, 1)
    await produce(broker, numbered(topic, 0, 3))
    const partition = await onlyPartition(broker, topic)
    const beyond = partition.open(5).read(10)

    await produce(broker, numbered(topic, 3, 2))
    await produce(broker, numbered(topic, 5, 1))

    expect(valuesOf(await beyond)).toEqual([5])
    const atEnd = partition.open(6).read(10)
    await produce(broker, numbered(topic, 6, 1))
    expect(valuesOf(await atEnd)).toEqual([6])
  },

  'gives at most as many records as asked for': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topic = await stage.topic(broker, 1)
    await produce(broker, numbered(topic, 0, 20))
    const reader = (await onlyPartition(broker, topic)).open(0)

    const pieces = [await reader.read(1), await reader.read(3), await reader.read(7)]

    expect(pieces[0]).toHaveLength(1)
    expect(pieces[1]?.length).toBeLessThanOrEqual(3)
    expect(pieces[2]?.length).toBeLessThanOrEqual(7)
    expect(valuesOf(pieces.flat())).toEqual(range(0, pieces.flat().length))
  },

  'collects records for as long as it may wait': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topic = await stage.topic(broker, 1)
    const reader = (await onlyPartition(broker, topic)).open(0)

    const full = reader.read(3, 20_000)
    for (const value of [0, 1, 2]) await produce(broker, numbered(topic, value, 1))
    expect(valuesOf(await full)).toEqual([0, 1, 2])

    const partly = reader.read(1_000, 50)
    await produce(broker, numbered(topic, 3, 2))
    expect(valuesOf(await partly)).toEqual([3, 4])
  },

  'ends a waiting read with nothing when the reader is closed': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topic = await stage.topic(broker, 1)
    const partition = await onlyPartition(broker, topic)
    const reader = partition.open(0)
    const waiting = reader.read(10)

    reader.close()

    expect(await waiting).toEqual([])
    expect(await reader.read(10)).toEqual([])
    const first = partition.open(0)
    const interrupted = first.read(10)
    partition.open(0)
    expect(await interrupted).toEqual([])
  },

  'knows the end without reading': async (stage: Stage) => {
    const [one, other] = await Promise.all([stage.connect(), stage.connect()])
    const topic = await stage.topic(one.broker, 1)
    const reader = (await onlyPartition(one.broker, topic)).open(0)

    await produce(one.broker, numbered(topic, 0, 10))
    await produce(other.broker, numbered(topic, 10, 10))

    while (reader.end < 20) await pause(5)
    expect(reader.end).toBe(20)
  },

  'wakes a waiting reader soon, after an append of its own process': async (stage: Stage) => {
    const found = await latencies(stage, false)

    expect(found[10]).toBeLessThan(wakesWithinMs)
  },

  'wakes a waiting reader soon, after an append of another process': async (stage: Stage) => {
    const found = await latencies(stage, true)

    expect(found[10]).toBeLessThan(wakesWithinMs)
  },

  'reads a record of 2 MB among small ones': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topic = await stage.topic(broker, 1)
    const large = randomBytes(2_000_000)
    const key = Buffer.from('key')
    await produce(broker, numbered(topic, 0, 3))
    await produce(broker, [{ topic, key, value: large, headers: [] }])
    await produce(broker, numbered(topic, 4, 3))

    const records = await readFrom(await onlyPartition(broker, topic), 0, 7)

    expect(large.equals(records[3]?.value ?? new Uint8Array())).toBe(true)
    expect(valuesOf(records.toSpliced(3, 1))).toEqual([0, 1, 2, 4, 5, 6])
  },

  'does not fetch far ahead of a slow reader': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const [topic, other] = [await stage.topic(broker, 1), await stage.topic(broker, 1)]
    const value = randomBytes(500_000)
    for (let call = 0; call < 8; call += 1) {
      await produce(
        broker,
        Array.from({ length: 16 }, () => ({ topic, key: value.subarray(0, 1), value, headers: [] })),
      )
    }
    const partition = await onlyPartition(broker, topic)
    const before = process.memoryUsage().arrayBuffers

    const reader = partition.open(0)
    expect(await reader.read(1)).toHaveLength(1)
    // As many round trips as would have brought all 64 MB.
    for (let call = 0; call < 200; call += 1) await produce(broker, numbered(other, call, 1))

    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32_000_000)
    reader.close()
  },

  'takes a commit for a hint': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topic = await stage.topic(broker, 1)
    await produce(broker, numbered(topic, 0, 10))
    const partition = await onlyPartition(broker, topic)
    const reader = partition.open(0)
    expect(valuesOf(await reader.read(1))).toEqual([0])

    reader.commit(1)

    expect(valuesOf(await reader.read(1))).toEqual([1])
    expect(valuesOf(await readFrom(partition, 0, 10))).toEqual(range(0, 10))
  },

  'keeps topics with different numbers of partitions apart': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topics = [await stage.topic(broker, 1), await stage.topic(broker, 2), await stage.topic(broker, 5)]
    await produce(
      broker,
      range(0, 50).flatMap((nth) => topics.map((topic) => record(topic, `key ${nth}`, topic))),
    )

    for (const topic of topics) {
      const logs = await readAll(broker, topic)
      expect(logs.flat().map(({ value }) => text(value))).toEqual(Array(50).fill(topic))
    }
    expect(await assignedPartitions(broker, topics[2] ?? '')).toHaveLength(5)
  },
}
