import * as z from 'zod'
import { type Consumer, defineConsumer } from '../core/consumer.ts'
import { defineModule, type Module } from '../core/module.ts'
import { defineTopic } from '../core/topic.ts'

/** A topic for tests of delivery: events with a key and a number. */
export const steps = defineTopic('steps', {
  key: (event) => event.data.key,
  events: { Step: z.object({ key: z.string(), n: z.int() }) },
})

/** One event of {@link steps}. */
export const { Step } = steps.events

/** A module with the topic and these consumers. */
export function stepsModule(...consumers: Consumer[]): Module {
  return defineModule({ name: 'steps', topics: [steps], consumers })
}

/** A consumer that remembers what it was given. */
export function recorder(name: string, options: { from?: 'earliest' | 'latest'; formerly?: string } = {}) {
  const seen: number[] = []
  const consumer = defineConsumer({
    name,
    topic: steps,
    ...options,
    on: { Step: (event) => void seen.push(event.data.n) },
  })
  return { seen, consumer }
}
