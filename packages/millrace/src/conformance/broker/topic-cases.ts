import { expect } from 'vitest'
import { produce, record, type Stage, uniqueName } from './stage.ts'

/** Topics: being there, and their bounds. */
export const topicCases = {
  'creates missing topics and describes all, whoever asks at the same time': async (stage: Stage) => {
    const brokers = await Promise.all([stage.connect(), stage.connect()])
    const specs = [3, 1, 2].map((partitions) => ({ name: uniqueName('topic'), partitions }))

    const answers = await Promise.all(
      [...brokers, ...brokers].map(({ broker }, nth) => broker.ensureTopics(nth % 2 ? [...specs].reverse() : specs)),
    )

    const [first = []] = answers
    expect(first).toEqual(specs.map((spec) => ({ ...spec, id: expect.stringMatching(/^[0-9a-f-]{36}$/) })))
    for (const [nth, answer] of answers.entries()) expect(nth % 2 ? answer.reverse() : answer).toEqual(first)
  },

  'leaves a topic that is there its partitions': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const name = await stage.topic(broker, 3)

    expect(await broker.ensureTopics([{ name, partitions: 8 }])).toMatchObject([{ name, partitions: 3 }])
  },

  'tells the bounds of each partition': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const topic = await stage.topic(broker, 3)
    expect(await broker.ranges(topic)).toEqual([0, 1, 2].map(() => ({ start: 0, end: 0 })))

    const [taken] = await produce(broker, [record(topic, 'key', 'a'), record(topic, 'key', 'b')])

    const grown = [0, 1, 2].map((partition) => ({ start: 0, end: partition === taken?.partition ? 2 : 0 }))
    expect(await broker.ranges(topic)).toEqual(grown)
  },

  'refuses to join on a topic that is not there': async (stage: Stage) => {
    const { broker } = await stage.connect()
    const listener = { assigned() {}, async revoked() {}, lost() {} }

    const joined = broker.join({ group: uniqueName('group'), topics: [uniqueName('nowhere')], listener })

    await expect(joined).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' })
  },
}
