import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { type ConsumerOptions, defineConsumer, exponential } from './consumer.ts'
import { defineModule } from './module.ts'
import { type AnyTopic, defineTopic } from './topic.ts'

const topic = defineTopic('things', { events: { Made: z.object({ id: z.string() }), Lost: z.object({}) } })
const other = defineTopic('others', { events: { Seen: z.object({}) } })

function refusal(define: () => unknown): string {
  try {
    define()
  } catch (error) {
    expect(error).toMatchObject({ code: 'DEFINITION_INVALID' })
    return String(error)
  }
  throw new Error('it was not refused')
}

describe('a topic', () => {
  test('has its defaults', () => {
    expect(topic).toMatchObject({ publish: 'outbox', partitions: undefined, format: undefined })
    expect(topic.keyOf({ type: 'Made', data: { id: 'a' } })).toBeNull()
  })

  test('makes events that know their topic', () => {
    const { Made } = topic.events
    expect(Made({ id: 'a' }, { id: 'x', key: null })).toEqual({
      topic,
      type: 'Made',
      data: { id: 'a' },
      id: 'x',
      key: null,
    })
    expect([Made.type, Made.topic]).toEqual(['Made', topic])
  })

  test.each(['', 'a b', 'ä', '.', '..', 'a/b', 'x'.repeat(250)])('is not named "%s"', (name) => {
    expect(refusal(() => defineTopic(name, { events: { A: z.any() } }))).toContain('Kafka')
  })

  test.each(['a', 'A.b_c-1', 'x'.repeat(249), '...'])('may be named "%s"', (name) => {
    expect(defineTopic(name, { events: { A: z.any() } }).name).toBe(name)
  })

  test('has events, and a sensible number of partitions', () => {
    refusal(() => defineTopic('a', { events: {} }))
    for (const partitions of [0, 1.5, -1, 1_001, Number.NaN]) {
      refusal(() => defineTopic('a', { partitions, events: { A: z.any() } }))
    }
  })
})

describe('a consumer', () => {
  const on = { Made: () => {} }
  const define = (options: Partial<ConsumerOptions<AnyTopic | readonly AnyTopic[], never>>) =>
    defineConsumer({ name: 'c', topic, ...options } as ConsumerOptions<AnyTopic, never>)

  test('has its defaults', () => {
    const consumer = defineConsumer({ name: 'c', topic, on })
    expect(consumer).toMatchObject({ topics: [topic], from: undefined, retry: { attempts: 5 }, batch: undefined })
    expect(consumer.retry.isFinal(new Error())).toBe(false)
    const batch = defineConsumer({ name: 'c', topic: [topic, other], batch: { handle: () => {} } })
    expect(batch).toMatchObject({ topics: [topic, other], batch: { size: 500, waitMs: 0 }, on: {} })
  })

  test.each([
    ['a name', { name: 'a b', on }, 'its name'],
    ['a name', { name: '', on }, 'its name'],
    ['a topic', { topic: [], on: {} }, 'no topic'],
    ['a handler', {}, 'neither `on` nor `batch`'],
    ['one kind of handler', { on, batch: { handle: () => {} } }, 'both `on` and `batch`'],
    ['prepare only with on', { prepare: { Made: () => 1 }, batch: { handle: () => {} } }, '`prepare` goes with `on`'],
    ['handlers of its topics’ events', { on: { Seen: () => {} } }, 'none of its topics has the event Seen'],
    ['handlers of events, not of what all objects have', { on: { toString: () => {} } }, 'the event toString'],
    ['a handler for what it prepares', { prepare: { Lost: () => 1 }, on }, '`on` has not'],
    ['attempts', { on, retry: { attempts: 0 } }, 'retry.attempts'],
    ['a size', { batch: { size: 0, handle: () => {} } }, 'batch.size'],
    ['a size', { batch: { size: 5_001, handle: () => {} } }, 'batch.size'],
  ])('has %s', (_, options, problem) => {
    expect(refusal(() => define(options as never))).toContain(problem)
  })

  test('waits longer after each failure, up to the cap, and never in step', () => {
    const backoff = exponential({ first: '100ms', cap: '1s' })
    for (let failures = 1; failures <= 60; failures += 1) {
      const longest = Math.min(1_000, 100 * 2 ** (failures - 1))
      for (let sample = 0; sample < 20; sample += 1) {
        expect(backoff(failures)).toBeGreaterThan(longest / 2 - 1e-9)
        expect(backoff(failures)).toBeLessThanOrEqual(longest)
      }
    }
  })
})

describe('a module', () => {
  test('has its defaults', () => {
    expect(defineModule({ name: 'orders' })).toMatchObject({ prefix: '/orders', topics: [], routes: undefined })
    const consumer = defineConsumer({ name: 'c', topic, on: { Made: () => {} } })
    const module = defineModule({ name: 'orders', consumers: [consumer] })
    expect(module.consumers(undefined as never)).toEqual([consumer])
  })

  test.each(['', 'Orders', '1st', 'a-b', 'millrace', 'x'.repeat(41)])('is not named "%s"', (name) => {
    refusal(() => defineModule({ name }))
  })
})
