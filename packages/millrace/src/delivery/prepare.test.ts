import { expect, test } from 'vitest'
import { defineConsumer } from '../core/consumer.ts'
import { waitFor } from '../core/wait.ts'
import { testApp } from '../testing/index.ts'
import { Step, steps, stepsModule } from './steps.fixture.ts'

test('prepare runs side by side across keys, one after the other within a key, and its result reaches the handler', async () => {
  const running = new Map<string, number>()
  let mostAtOnce = 0
  let sameKeyAtOnce = false
  const results: string[] = []
  const everyKeyStarted = Promise.withResolvers<void>()
  const started = new Set<string>()
  const consumer = defineConsumer({
    name: 'prepared',
    topic: steps,
    prepare: {
      Step: async ({ data: { key, n } }) => {
        sameKeyAtOnce ||= running.has(key)
        running.set(key, n)
        mostAtOnce = Math.max(mostAtOnce, running.size)
        if (started.add(key).size === 4) everyKeyStarted.resolve()
        await everyKeyStarted.promise
        running.delete(key)
        return `${key}${n}`
      },
    },
    on: { Step: (_event, _unit, prepared) => void results.push(prepared) },
  })
  await using t = await testApp({ modules: [stepsModule(consumer)], topicPartitions: 1 })
  await t.millrace.transaction(async (unit) => {
    for (const n of [0, 1, 2]) for (const key of ['a', 'b', 'c', 'd']) unit.publish(Step({ key, n }))
  })
  await t.settled()
  expect(results).toEqual(['a0', 'b0', 'c0', 'd0', 'a1', 'b1', 'c1', 'd1', 'a2', 'b2', 'c2', 'd2'])
  expect({ mostAtOnce, sameKeyAtOnce }).toEqual({ mostAtOnce: 4, sameKeyAtOnce: false })
})

test('what was prepared is kept over a rerun of its chunk; only what failed is prepared again', async () => {
  const prepares: number[] = []
  const handled: number[] = []
  let failures = 2
  const consumer = defineConsumer({
    name: 'prepared',
    topic: steps,
    retry: { backoff: () => 1 },
    prepare: {
      Step: ({ data: { n } }) => {
        prepares.push(n)
        if (n === 2 && failures-- > 0) throw new Error('the other service is away')
        return n * 10
      },
    },
    on: { Step: (_event, _unit, prepared) => void handled.push(prepared) },
  })
  await using t = await testApp({ modules: [stepsModule(consumer)], topicPartitions: 1 })
  await t.millrace.transaction(async (unit) => {
    for (const n of [0, 1, 2, 3]) unit.publish(Step({ key: `key ${n}`, n }))
  })
  await t.settled()
  expect(prepares.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 2, 2, 3])
  // 0 and 1 ran in the chunk that was rolled back, and again; 2 was parked, and ran by itself.
  expect(handled).toEqual([0, 10, 0, 10, 30, 20])
  const { rows } = await t.database.query('SELECT count(*)::int AS dead FROM millrace.dead_letter')
  expect(rows).toEqual([{ dead: 0 }])
})

test('a stopping process aborts the signal of prepare, and the event is left for the next', async () => {
  const entered = Promise.withResolvers<void>()
  const handled: number[] = []
  const consumer = defineConsumer({
    name: 'prepared',
    topic: steps,
    prepare: {
      Step: async (_event, signal) => {
        entered.resolve()
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
      },
    },
    on: { Step: (event) => void handled.push(event.data.n) },
  })
  await using first = await testApp({ modules: [stepsModule(consumer)] })
  await first.millrace.transaction(async (unit) => unit.publish(Step({ key: 'a', n: 1 })))
  await entered.promise
  const { databaseUrl } = first
  await first.app.stop()
  expect(handled).toEqual([])

  const quick = defineConsumer({
    name: 'prepared',
    topic: steps,
    on: { Step: (event) => void handled.push(event.data.n) },
  })
  await using second = await testApp({ modules: [stepsModule(quick)], databaseUrl })
  await second.settled()
  expect(handled).toEqual([1])
})

test('a key that is slow to prepare does not hold the others of its partition, and keeps its order', async () => {
  const slow = Promise.withResolvers<void>()
  const handled: string[] = []
  const consumer = defineConsumer({
    name: 'prepared',
    topic: steps,
    prepare: { Step: ({ data: { key, n } }) => (key === 'slow' && n === 1 ? slow.promise : undefined) },
    on: { Step: ({ data: { key, n } }) => void handled.push(`${key}${n}`) },
  })
  await using t = await testApp({ modules: [stepsModule(consumer)], topicPartitions: 1 })
  const publish = (numbers: readonly number[]) =>
    t.millrace.transaction(async (unit) => {
      for (const n of numbers) for (const key of ['slow', 'quick']) unit.publish(Step({ key, n }))
    })
  await publish([0, 1, 2])
  await publish([3])
  await expect.poll(() => handled.filter((name) => name.startsWith('quick')), { timeout: 5_000 }).toHaveLength(4)
  expect(handled.filter((name) => name.startsWith('slow'))).toEqual(['slow0'])

  slow.resolve()
  await t.settled()
  expect(handled.filter((name) => name.startsWith('slow'))).toEqual(['slow0', 'slow1', 'slow2', 'slow3'])
  const { rows } = await t.database.query('SELECT FROM millrace.parked UNION ALL SELECT FROM millrace.held_key')
  expect(rows).toHaveLength(0)
})

test('a record that fails before a slow one of its key goes first', async () => {
  const handled: number[] = []
  let failures = 1
  const consumer = defineConsumer({
    name: 'prepared',
    topic: steps,
    retry: { backoff: () => 1_000 },
    prepare: {
      Step: async ({ data: { n } }, signal) => {
        // Slow in the partition, where it is not waited for; not when it is parked.
        if (n === 1 && handled.length === 0) await new Promise((resolve) => signal.addEventListener('abort', resolve))
      },
    },
    on: {
      Step: ({ data: { n } }) => {
        if (n === 0 && failures-- > 0) throw new Error('not yet')
        handled.push(n)
      },
    },
  })
  await using t = await testApp({ modules: [stepsModule(consumer)], topicPartitions: 1 })
  await t.millrace.transaction(async (unit) => {
    for (const n of [0, 1, 2]) unit.publish(Step({ key: 'a', n }))
  })
  await t.settled()
  expect(handled).toEqual([0, 1, 2])
})

test('work that takes longer than a session does not lose the partition, nor is it begun by another process', async () => {
  const begun: string[] = []
  const handled: string[] = []
  const longerThanASessionMs = 12_000
  const consumerOf = (process: string) =>
    defineConsumer({
      name: 'prepared',
      topic: steps,
      prepare: {
        Step: async ({ data: { key, n } }, signal) => {
          if (key !== 'slow' || n !== 0) return
          begun.push(process)
          await waitFor(begun.length === 1 ? 60_000 : longerThanASessionMs, signal)
        },
      },
      on: { Step: ({ data: { key, n } }) => void handled.push(`${key}${n}`) },
    })
  await using one = await testApp({ modules: [stepsModule(consumerOf('one'))], topicPartitions: 1 })
  await using _two = await testApp({ modules: [stepsModule(consumerOf('two'))], databaseUrl: one.databaseUrl })
  await one.millrace.transaction(async (unit) => {
    for (const n of [0, 1]) for (const key of ['slow', 'quick']) unit.publish(Step({ key, n }))
  })
  await expect.poll(() => handled.toSorted(), { timeout: 20_000 }).toEqual(['quick0', 'quick1', 'slow0', 'slow1'])
  // Once in the partition, which did not wait for it; once apart from it, by whoever came first.
  expect(begun).toHaveLength(2)
}, 60_000)

test('a process stops in time also where prepare does not heed its signal', async () => {
  const entered = Promise.withResolvers<void>()
  const consumer = defineConsumer({
    name: 'prepared',
    topic: steps,
    prepare: {
      Step: () => {
        entered.resolve()
        return Promise.withResolvers<void>().promise
      },
    },
    on: { Step: () => {} },
  })
  await using t = await testApp({ modules: [stepsModule(consumer)] })
  await t.millrace.transaction(async (unit) => unit.publish(Step({ key: 'a', n: 1 })))
  await entered.promise
  const started = performance.now()
  await t.app.stop()
  expect(performance.now() - started).toBeLessThan(5_000)
})
