import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import type { RecordHeader } from '../../ports/broker.ts'
import { bytes, onlyPartition, produce, readAll, readFrom, record, type Stage, type Taken, text } from './stage.ts'

/** Hashes of keys from the tests of Kafka's Java client (UtilsTest#testMurmur2). */
const javaHashes = {
  '21': -973932308,
  foobar: -790332482,
  'a-little-bit-long-string': -985981536,
  'a-little-bit-longer-string': -1486304829,
  lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
  abc: 479470107,
}

/** Appending: where records end up, and that they come back as they were. */
export const produceCases = {
  'gives dense offsets to concurrent producers': async (stage: Stage) => {
    const [one, two] = await Promise.all([stage.connect(), stage.connect()])
    const topic = await stage.topic(one.broker, 2)
    const produced = new Map<string, string>()
    const produceSome = async (producer: number) => {
      for (let call = 0; call < 20; call += 1) {
        const values = Array.from({ length: (call % 5) + 1 }, (_, nth) => `${producer}/${call}/${nth}`)
        const taken = await produce(
          producer % 2 ? one.broker : two.broker,
          values.map((value, nth) => record(topic, `key ${nth}`, value)),
        )
        for (const [nth, { partition, offset }] of taken.entries()) {
          produced.set(`${partition}/${offset}`, values[nth] ?? '')
        }
      }
    }

    await Promise.all([0, 1, 2, 3, 4, 5].map(produceSome))

    const read = (await readAll(one.broker, topic)).flatMap((records, partition) =>
      records.map(({ offset, value }, nth) => {
        expect(offset).toBe(nth)
        return [`${partition}/${offset}`, text(value)] as const
      }),
    )
    expect(new Map(read)).toEqual(produced)
    expect(produced.size).toBe(6 * 60)
  },

  'keeps the order of one call, and of awaited calls for a key': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topic = await stage.topic(broker, 3)
    const keys = ['a', 'b', 'c', 'd', 'e']
    const values = Array.from({ length: 60 }, (_, nth) => String(nth))

    await produce(
      broker,
      values.flatMap((value) => keys.map((key) => record(topic, key, value))),
    )
    for (const value of values.slice(0, 10)) {
      await produce(
        broker,
        keys.map((key) => record(topic, key, value)),
      )
    }

    const records = (await readAll(broker, topic)).flat()
    for (const key of keys) {
      const ofKey = records.filter((found) => text(found.key) === key)
      expect(ofKey.map(({ value }) => text(value))).toEqual([...values, ...values.slice(0, 10)])
    }
  },

  'chooses partitions by key as Kafka’s Java client does': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const partitions = 7
    const topic = await stage.topic(broker, partitions)

    const taken = await produce(
      broker,
      Object.keys(javaHashes).map((key) => record(topic, key, 'value')),
    )

    const expected = Object.values(javaHashes).map((hash) => (hash & 0x7fffffff) % partitions)
    expect(taken.map(({ partition }) => partition)).toEqual(expected)
  },

  'spreads records without a key': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topic = await stage.topic(broker, 4)
    const taken: Taken[] = []
    for (let call = 0; call < 80; call += 1) taken.push(...(await produce(broker, [record(topic, null, 'value')])))

    const counts = [0, 1, 2, 3].map((partition) => taken.filter((one) => one.partition === partition).length)

    expect(Math.min(...counts)).toBeGreaterThan(0)
  },

  'gives bytes back as they were': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topic = await stage.topic(broker, 1)
    const everyByte = Uint8Array.from({ length: 256 }, (_, nth) => nth)
    const nothing = new Uint8Array()
    const repeated: RecordHeader[] = [
      ['same', bytes('first')],
      ['same', nothing],
      ['ünï, "\\{}', everyByte],
      ['same', bytes('first')],
    ]
    const records = [
      { topic, key: everyByte, value: everyByte, headers: repeated },
      { topic, key: nothing, value: nothing, headers: [] },
      { topic, key: null, value: null, headers: [['only', nothing] as const] },
      { topic, key: randomBytes(4_096), value: bytes('\0\\x00NULL{}"'), headers: [] },
      { topic, key: null, value: nothing, headers: [] },
    ]
    await produce(broker, records)

    const read = await readFrom(await onlyPartition(broker, topic), 0, records.length)

    for (const [nth, { key, value, headers }] of read.entries()) {
      const sent = records[nth]
      expect(key && [...key]).toEqual(sent?.key && [...sent.key])
      expect(value && [...value]).toEqual(sent?.value && [...sent.value])
      const plain = headers.map(([name, content]) => [name, [...content]])
      expect(plain).toEqual(sent?.headers.map(([name, content]) => [name, [...content]]))
    }
  },

  'takes a call without records': async (stage: Stage) => {
    const { broker } = await stage.connect()

    expect(await broker.produce([])).toEqual([])
  },

  'dates records': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topic = await stage.topic(broker, 1)
    await produce(broker, [record(topic, 'key', 'value')])

    const [found] = await readFrom(await onlyPartition(broker, topic), 0, 1)

    expect(Number.isInteger(found?.timestamp)).toBe(true)
    expect(Math.abs((found?.timestamp ?? 0) - Date.now())).toBeLessThan(60_000)
  },
}
