import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import { produce, record } from '../broker/stage.ts'
import { type BusUnderTest, follow, logged, plain, type Stage } from './stage.ts'

/** Something that goes wrong with what a process follows by. It is over, or will be by itself, when it resolves. */
export type Disturbance = (process: BusUnderTest, partition: DisturbedPartition) => Promise<void>

/** What is followed. */
export interface DisturbedPartition {
  readonly topic: string
  readonly topicId: string
}

const rounds = 6
const betweenMs = 150
/** Far less than everything, should nothing but a look every second bring records. */
const recordsEach = 20

/** Records flow while it goes wrong again and again: each follower is given all of them, once, in order. */
export async function flowThrough(stage: Stage, disturbance: Disturbance): Promise<void> {
  const [one, two] = (await Promise.all([stage.connect(), stage.connect()])) as [BusUnderTest, BusUnderTest]
  const topic = await stage.topic([one, two])
  const { id: topicId } = await one.broker.describe(topic)
  const given: ReturnType<typeof plain>[][] = [[], []]
  const followers = await Promise.all([one, two].map((process) => follow(process, topic)))
  const reading = followers.map(async (follower, nth) => {
    for (let records = await follower.read(100); records.length > 0; records = await follower.read(100)) {
      given[nth]?.push(...records.map(plain))
    }
  })
  let isOver = false
  const writing = [one, two].map(async (process, writer) => {
    for (let nth = 0; !isOver; nth += 1) {
      const records = Array.from({ length: 1 + (nth % recordsEach) }, (_, each) =>
        record(topic, `${writer}`, `${writer}/${nth}/${each}`),
      )
      await produceSurely(process, records)
      await pause(5)
    }
  })

  for (let round = 0; round < rounds; round += 1) {
    await pause(betweenMs)
    await disturbance(round % 2 === 0 ? one : two, { topic, topicId })
  }
  isOver = true
  await Promise.all(writing)
  const expected = (await logged(one, topic)).map(plain)
  while (given.some((records) => records.length < expected.length)) await pause(10)
  for (const follower of followers) follower.close()
  await Promise.all(reading)

  expect(expected.length).toBeGreaterThan(rounds * recordsEach)
  for (const records of given) expect(records).toEqual(expected)
}

/** Until it is there; perhaps more than once, where an answer was lost. */
async function produceSurely({ broker }: BusUnderTest, records: Parameters<typeof produce>[1]): Promise<void> {
  for (;;) {
    const isThere = await produce(broker, records).then(
      () => true,
      () => false,
    )
    if (isThere) return
    await pause(20)
  }
}
