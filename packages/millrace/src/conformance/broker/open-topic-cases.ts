import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Broker, BrokerRecord, PartitionReader } from '../../ports/broker.ts'
import { onlyPartition, produce, record, type Stage, text, uniqueName } from './stage.ts'

function numbered(topic: string, from: number, count: number) {
  return Array.from({ length: count }, (_, nth) => record(topic, 'key', String(from + nth)))
}

/** Reads until there is nothing more to come. */
async function readToEnd(reader: PartitionReader, waitMs?: number): Promise<number[]> {
  const records: BrokerRecord[] = []
  for (;;) {
    const piece = await reader.read(100, waitMs)
    if (piece.length === 0) {
      expect(reader.hasEnded).toBe(true)
      return records.map(({ value }) => Number(text(value)))
    }
    records.push(...piece)
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, nth) => from + nth)
}

async function partitionOf(broker: Broker, topic: string, partition = 0) {
  const opened = await broker.openTopic(topic)
  const found = opened.all[partition]
  if (!found) throw new Error(`topic ${topic} has no partition ${partition}`)
  return { opened, partition: found }
}

/** Looking topics up, and reading them past all groups. */
export const openTopicCases = {
  'describes a topic as it is, and refuses what is not there': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topic = await stage.topic(broker, 2)
    const [ensured] = await broker.ensureTopics([{ name: topic, partitions: 2 }])

    expect(await broker.describe(topic)).toEqual(ensured)
    const nowhere = uniqueName('nowhere')
    const refused = { code: 'TOPIC_UNKNOWN' }
    await expect(broker.describe(nowhere)).rejects.toMatchObject(refused)
    await expect(broker.offsetsAt(nowhere, 0)).rejects.toMatchObject(refused)
    await expect(broker.openTopic(nowhere)).rejects.toMatchObject(refused)
  },

  'finds the first record of a time, or the end': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topic = await stage.topic(broker, 2)
    expect(await broker.offsetsAt(topic, 0)).toEqual([0, 0])
    let used = 0
    for (let nth = 0; nth < 7; nth += 1) {
      const [taken] = await produce(broker, numbered(topic, nth, 1))
      used = taken?.partition ?? 0
      await pause(3)
    }
    const { opened, partition } = await partitionOf(broker, topic, used)
    const records = await partition.open(0).read(7)
    while (records.length < 7) records.push(...(await partition.open(records.length).read(7)))
    const found = async (time: number) => (await broker.offsetsAt(topic, time))[used]

    for (const { offset, timestamp } of records) {
      expect([offset, await found(timestamp), await found(timestamp + 1)]).toEqual([offset, offset, offset + 1])
    }
    expect(await broker.offsetsAt(topic, Date.now() + 3_600_000)).toEqual(used === 0 ? [7, 0] : [0, 7])
    expect(await broker.offsetsAt(topic, -1)).toEqual([0, 0])
    await opened.close()
  },

  'reads a topic past its groups, beside a member that reads it': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topic = await stage.topic(broker, 1)
    await produce(broker, numbered(topic, 0, 1_200))
    const members = await onlyPartition(broker, topic)
    const reader = members.open(1_190)
    const { opened, partition } = await partitionOf(broker, topic)
    expect(opened).toMatchObject({ name: topic, id: members.topicId, partitions: 1 })
    expect(partition).toMatchObject({ topic, topicId: members.topicId, partition: 0 })
    expect(await partition.range()).toEqual({ start: 0, end: 1_200 })

    expect(await readToEnd(partition.open(0, 1_200))).toEqual(range(0, 1_200))
    const beside: BrokerRecord[] = []
    while (beside.length < 10) beside.push(...(await reader.read(10)))
    expect(beside.map(({ offset }) => offset)).toEqual(range(1_190, 1_200))
    await opened.close()
  },

  'ends where it is told to, at, below or beyond the end of the log': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topic = await stage.topic(broker, 1)
    await produce(broker, numbered(topic, 0, 700))
    const { opened, partition } = await partitionOf(broker, topic)

    expect(await readToEnd(partition.open(5, 5))).toEqual([])
    expect(await readToEnd(partition.open(5, 3))).toEqual([])
    expect(await readToEnd(partition.open(5, 6))).toEqual([5])
    expect(await readToEnd(partition.open(100, 650))).toEqual(range(100, 650))
    expect(await readToEnd(partition.open(650, 700), 20_000)).toEqual(range(650, 700))
    const beyond = readToEnd(partition.open(698, 705))
    await produce(broker, numbered(topic, 700, 10))
    expect(await beyond).toEqual(range(698, 705))
    await opened.close()
  },

  'ends the reads of a topic that is closed': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topic = await stage.topic(broker, 1)
    const { opened, partition } = await partitionOf(broker, topic)
    const reader = partition.open(0, 10)
    const waiting = reader.read(10)

    await opened.close()

    expect([await waiting, reader.hasEnded]).toEqual([[], false])
    expect(await partition.open(0).read(10)).toEqual([])
  },
}
