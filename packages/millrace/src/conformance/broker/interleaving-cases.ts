import fc from 'fast-check'
import { expect } from 'vitest'
import type { Broker, PartitionReader } from '../../ports/broker.ts'
import { onlyPartition, produce, record, type Stage, text } from './stage.ts'

type Step =
  | { readonly do: 'produce'; readonly count: number; readonly by: number }
  | { readonly do: 'read'; readonly max: number }
  | { readonly do: 'open'; readonly at: number }

const step = fc.oneof(
  fc.record({ do: fc.constant('produce' as const), count: fc.integer({ min: 1, max: 700 }), by: fc.nat(1) }),
  fc.record({ do: fc.constant('read' as const), max: fc.integer({ min: 1, max: 600 }) }),
  fc.record({ do: fc.constant('open' as const), at: fc.double({ min: 0, max: 1, noNaN: true }) }),
)

/** Any interleaving of appends, reads and seeks. */
export const interleavingCases = {
  'reads what a plain list would give, however appends, reads and seeks interleave': async (stage: Stage) => {
    const brokers = (await Promise.all([stage.connect(), stage.connect()])).map(({ broker }) => broker)
    const run = (steps: Step[]) => follow(stage, brokers, steps)

    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), run), { numRuns: 15 })
  },
}

/** Takes the steps on a new topic and holds what is read to a list. */
async function follow(stage: Stage, brokers: readonly Broker[], steps: readonly Step[]): Promise<void> {
  const reading = brokers[0] as Broker
  const topic = await stage.topic(reading, 1)
  const partition = await onlyPartition(reading, topic)
  const list: string[] = []
  let reader: PartitionReader = partition.open(0)
  let next = 0
  for (const [nth, one] of steps.entries()) {
    if (one.do === 'produce') {
      const values = Array.from({ length: one.count }, (_, at) => `${nth}/${at}`)
      await produce(
        brokers[one.by] ?? reading,
        values.map((value) => record(topic, 'key', value)),
      )
      list.push(...values)
    } else if (one.do === 'open') {
      next = Math.floor(one.at * list.length)
      reader = partition.open(next)
    } else if (next < list.length) {
      const records = await reader.read(one.max)
      expect(records.length).toBeGreaterThan(0)
      expect(records.map(({ value }) => text(value))).toEqual(list.slice(next, next + records.length))
      expect(records.map(({ offset }) => offset)).toEqual(records.map((_, at) => next + at))
      next += records.length
    }
  }
  reader.close()
}
