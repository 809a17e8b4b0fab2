import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import type { OutgoingRecord } from '../../ports/broker.ts'
import { produce, record } from '../broker/stage.ts'
import { type BusUnderTest, follow, logged, plain, type Stage, take } from './stage.ts'

async function processes(stage: Stage, count: number): Promise<BusUnderTest[]> {
  return Promise.all(Array.from({ length: count }, () => stage.connect()))
}

function numbered(topic: string, name: string, count: number): OutgoingRecord[] {
  return Array.from({ length: count }, (_, nth) => record(topic, name, `${name}/${nth}`))
}

/** Following, while nothing goes wrong. */
export const followCases = {
  'gives every follower what any process appends: each record, once, in order': async (stage: Stage) => {
    const all = await processes(stage, 3)
    const topic = await stage.topic(all)
    const followers = await Promise.all(all.map((process) => follow(process, topic)))
    const write = async ({ broker }: BusUnderTest, name: string) => {
      for (let nth = 0; nth < 40; nth += 1) await produce(broker, numbered(topic, `${name}${nth}`, 1 + (nth % 7)))
    }

    const writing = Promise.all(all.map((process, nth) => write(process, `writer${nth}/`)))
    const total = 3 * Array.from({ length: 40 }, (_, nth) => 1 + (nth % 7)).reduce((sum, count) => sum + count)
    const given = await Promise.all(followers.map((follower) => take(follower, total)))
    await writing

    const expected = (await logged(all[0] as BusUnderTest, topic)).map(plain)
    expect(expected).toHaveLength(total)
    for (const records of given) expect(records.map(plain)).toEqual(expected)
  },

  'begins at any offset: below the start, in between, at the end and beyond': async (stage: Stage) => {
    const [writer, reader] = (await processes(stage, 2)) as [BusUnderTest, BusUnderTest]
    const topic = await stage.topic([writer, reader])
    await produce(writer.broker, numbered(topic, 'before', 700))
    for (const from of [0, 350, 699, 700, 703]) {
      const follower = await follow(reader, topic, from)
      const reading = take(follower, 1)
      await produce(writer.broker, numbered(topic, `from ${from}`, 5))
      const [first] = await reading
      const next = await take(follower, 3)
      expect([first, ...next].map((each) => each?.offset)).toEqual([from, from + 1, from + 2, from + 3])
      follower.close()
    }
  },

  'gives a follower that comes late all that was before it, and goes on': async (stage: Stage) => {
    const [writer, reader] = (await processes(stage, 2)) as [BusUnderTest, BusUnderTest]
    const topic = await stage.topic([writer, reader])
    const early = await follow(reader, topic)
    await produce(writer.broker, numbered(topic, 'first', 1_500))
    await take(early, 1_500)
    early.close()
    await produce(writer.broker, numbered(topic, 'second', 10))

    const late = await follow(reader, topic)
    const first = await take(late, 1_510)
    await produce(writer.broker, numbered(topic, 'third', 10))
    const then = await take(late, 10)

    expect([...first, ...then].map(plain)).toEqual((await logged(reader, topic)).map(plain))
  },

  'carries whatever a record has': async (stage: Stage) => {
    const [writer, reader] = (await processes(stage, 2)) as [BusUnderTest, BusUnderTest]
    const topic = await stage.topic([writer, reader])
    const follower = await follow(reader, topic)
    const parts = [null, new Uint8Array(), randomBytes(1), randomBytes(65_536), randomBytes(700_000)]
    const headers = [
      [],
      [['name', randomBytes(3)]],
      [
        ['', new Uint8Array()],
        ['é', randomBytes(2_000)],
      ],
    ] as const
    const records = parts.flatMap((value) =>
      headers.flatMap((each) => [null, randomBytes(9)].map((key) => ({ topic, key, value, headers: each }))),
    )
    const reading = take(follower, 2 * records.length)

    for (const one of records) await produce(writer.broker, [one])
    await produce(writer.broker, records)

    const given = (await reading).map(plain)
    expect(given.map(({ key, value, headers }) => ({ key, value, headers }))).toEqual(
      [...records, ...records].map(({ topic: _, ...one }) => {
        const { key, value, headers } = plain({ offset: 0, timestamp: 0, ...one })
        return { key, value, headers }
      }),
    )
    expect(given).toEqual((await logged(reader, topic)).map(plain))
  },

  'gives bursts to a follower that does not keep up, all of them': async (stage: Stage) => {
    const [writer, reader] = (await processes(stage, 2)) as [BusUnderTest, BusUnderTest]
    const topic = await stage.topic([writer, reader])
    const follower = await follow(reader, topic)
    const padding = 'x'.repeat(2_000)
    await produce(writer.broker, numbered(topic, padding, 10))
    await take(follower, 10)

    // More than anybody holds for a follower that does not read.
    for (let burst = 0; burst < 12; burst += 1) await produce(writer.broker, numbered(topic, padding, 1_000))
    await produce(writer.broker, numbered(topic, 'small', 20_000))
    const given = await take(follower, 32_000)

    expect(given.map(({ offset }) => offset)).toEqual(given.map((_, nth) => 10 + nth))
    expect(given.map(plain)).toEqual((await logged(reader, topic, 10)).map(plain))
  },

  'keeps topics apart, and followers of one process': async (stage: Stage) => {
    const [writer, reader] = (await processes(stage, 2)) as [BusUnderTest, BusUnderTest]
    const topics = [await stage.topic([writer, reader]), await stage.topic([writer, reader])]
    const followers = await Promise.all([...topics, ...topics].map((topic) => follow(reader, topic)))
    const reading = Promise.all(followers.map((follower) => take(follower, 50)))

    for (const topic of topics) await produce(writer.broker, numbered(topic, topic, 50))

    for (const [nth, records] of (await reading).entries()) {
      expect(records.map(plain)).toEqual((await logged(reader, topics[nth % 2] ?? '')).map(plain))
    }
  },

  'ends a waiting read when it is closed, and no other follower': async (stage: Stage) => {
    const [writer, reader] = (await processes(stage, 2)) as [BusUnderTest, BusUnderTest]
    const topic = await stage.topic([writer, reader])
    const [closing, staying] = [await follow(reader, topic), await follow(reader, topic)]
    await produce(writer.broker, numbered(topic, 'before', 1))
    await Promise.all([take(closing, 1), take(staying, 1)])
    const waiting = closing.read(10)

    closing.close()
    closing.close()

    expect(await waiting).toEqual([])
    expect(await closing.read(10)).toEqual([])
    await produce(writer.broker, numbered(topic, 'after', 1))
    expect(await take(staying, 1)).toMatchObject([{ offset: 1 }])
  },

  'knows of the end of the log what it was given': async (stage: Stage) => {
    const [writer, reader] = (await processes(stage, 2)) as [BusUnderTest, BusUnderTest]
    const topic = await stage.topic([writer, reader])
    const follower = await follow(reader, topic)
    await produce(writer.broker, numbered(topic, 'some', 30))
    await take(follower, 30)

    expect(follower.end).toBe(30)
  },
}
