import { expect, test } from 'vitest'
import { defineConsumer } from '../core/consumer.ts'
import { testApp } from '../testing/index.ts'
import { Step, steps, stepsModule } from './steps.fixture.ts'

function batchConsumer({
  size,
  wait = 0,
  fails = () => false,
}: {
  size: number
  wait?: number
  fails?: (n: number) => boolean
}) {
  const batches: number[][] = []
  const consumer = defineConsumer({
    name: 'batches',
    topic: steps,
    retry: { attempts: 2, backoff: () => 1 },
    onDeadLetter: 'continue',
    batch: {
      size,
      wait,
      handle: (events) => {
        const numbers = events.map((event) => event.data.n)
        if (numbers.some(fails)) throw new Error(`a number of ${numbers.length} is bad`)
        batches.push(numbers)
      },
    },
  })
  return { batches, consumer }
}

async function publishSteps(millrace: Awaited<ReturnType<typeof testApp>>['millrace'], count: number) {
  await millrace.transaction(async (unit) => {
    for (let n = 0; n < count; n += 1) unit.publish(Step({ key: 'one', n }))
  })
}

test('a batch handler is given no more than its size, all in order', async () => {
  const { batches, consumer } = batchConsumer({ size: 25 })
  await using t = await testApp({ modules: [stepsModule(consumer)] })
  await publishSteps(t.millrace, 110)
  await t.settled()
  expect(batches.flat()).toEqual(Array.from({ length: 110 }, (_, n) => n))
  expect(Math.max(...batches.map((batch) => batch.length))).toBeLessThanOrEqual(25)
})

test('with `wait`, a batch is filled from several publishes', async () => {
  const { batches, consumer } = batchConsumer({ size: 6, wait: 5_000 })
  await using t = await testApp({ modules: [stepsModule(consumer)] })
  await publishSteps(t.millrace, 3)
  await publishSteps(t.millrace, 3)
  await t.settled()
  expect(batches).toEqual([[0, 1, 2, 0, 1, 2]])
})

test('a batch that fails is halved until the failing records stand alone; they become dead letters, the others are handled', async () => {
  const bad = new Set([7, 61])
  const { batches, consumer } = batchConsumer({ size: 100, fails: (n) => bad.has(n) })
  await using t = await testApp({ modules: [stepsModule(consumer)] })
  await publishSteps(t.millrace, 100)
  await t.settled()
  expect(batches.flat()).toEqual(Array.from({ length: 100 }, (_, n) => n).filter((n) => !bad.has(n)))
  const { rows } = await t.database.query('SELECT "offset", attempts, reason FROM millrace.dead_letter ORDER BY id')
  expect(rows).toEqual([
    { offset: '7', attempts: 2, reason: 'a number of 1 is bad' },
    { offset: '61', attempts: 2, reason: 'a number of 1 is bad' },
  ])
})
