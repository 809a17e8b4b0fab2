import type * as z from 'zod'
import type { Broker, OutgoingRecord, ProduceResult } from '../ports/broker.ts'
import { counted } from './relay.fixture.ts'

/** A record as a fault sees it. */
export interface Counted extends z.infer<typeof counted> {
  readonly topic: string
}

/** What goes wrong with a broker. Each may be changed at any time. */
export interface Faults {
  /** Runs before anything is taken; when it throws, nothing is. */
  before?: ((records: readonly Counted[]) => void | Promise<void>) | undefined
  /** Why a record is not taken. What is behind it in its key is not taken either. */
  judge?: ((record: Counted) => Error | undefined) | undefined
  /** What is said of records that were not tried, as they are behind one that was not taken. */
  behind?: ((record: Counted, reason: Error) => Error) | undefined
  /** Runs when everything has been taken; when it throws, nobody knows. */
  after?: ((records: readonly Counted[]) => void | Promise<void>) | undefined
}

/** A real broker with faults, under the name of a lane. */
export function faultyBroker(name: string, target: Broker, faults: Faults): Pick<Broker, 'name' | 'produce'> {
  return {
    name,
    produce: async (records) => {
      const values = records.map(countedOf)
      await faults.before?.(values)
      const errors = judgeAll(values, faults)
      const taken = await target.produce(records.filter((_, index) => !errors[index]))
      await faults.after?.(values)
      return records.map(({ topic }, index): ProduceResult => {
        const error = errors[index]
        const result = error ? { topic, error } : taken.shift()
        if (!result) throw new Error('the broker has lost a result')
        return result
      })
    },
  }
}

/** The value of a record. */
export function countedOf({ topic, value }: OutgoingRecord): Counted {
  return { topic, ...counted.parse(JSON.parse(String(value))) }
}

function judgeAll(
  values: readonly Counted[],
  { judge, behind = (_, reason) => reason }: Faults,
): (Error | undefined)[] {
  const reasons = new Map<string, Error>()
  return values.map((value) => {
    const key = `${value.topic}/${value.key}`
    const reason = reasons.get(key)
    if (reason) return behind(value, reason)
    const error = judge?.(value)
    if (error) reasons.set(key, error)
    return error
  })
}
