import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Consumer, defineConsumer } from '../core/consumer.ts'
import type { TestApp } from '../testing/index.ts'
import { adminOf, countOf, effectsOf, numbers, publishSteps, startSteps, stepsConsumer } from './operations.fixture.ts'
import { deleteBelow } from './retention.fixture.ts'
import { steps } from './steps.fixture.ts'

/** Longer than a lost notification takes to be made good. */
const soon = { timeout: 10_000 }

async function seek(t: TestApp, command: object) {
  const answer = await adminOf(t).post('/consumers/steps/seek', command)
  return { status: answer.statusCode, ...answer.json() }
}

async function positionsOf(t: TestApp) {
  const { rows } = await t.database.query<{ partition: number; next: number; generation: number }>(
    'SELECT partition, next_offset::int AS next, generation FROM millrace.position ORDER BY partition',
  )
  return rows
}

/** What a consumer did from the beginning to one offset and, sought there, from another one on. */
function twice(first: number[], again: number[]): number[] {
  return [...first, ...again]
}

test('a seek back handles all again, once each and in order, in idle processes of the fleet, whichever was asked', async () => {
  const consumer = stepsConsumer('steps', new Set())
  await using first = await startSteps([consumer], { topicPartitions: 2 })
  await using second = await startSteps([consumer], { databaseUrl: first.databaseUrl })
  await using api = await startSteps([consumer], { databaseUrl: first.databaseUrl, roles: ['api'] })
  const keys = ['a', 'b', 'c', 'd']
  await publishSteps(first, keys, 0, 5)
  const handled = (n: number[]) => Object.fromEntries(keys.map((key) => [key, n]))
  await expect.poll(() => effectsOf(first, 'steps'), soon).toEqual(handled(numbers(5)))
  const shared = async (t: TestApp) =>
    (await t.http.get('/health/progress')).json().consumers[0].partitions.length as number
  await expect.poll(async () => [await shared(first), await shared(second)], soon).toEqual([1, 1])

  const answer = await seek(api, { to: 'earliest', by: 'anna' })
  expect(answer).toMatchObject({ status: 200, name: 'steps', dryRun: false, dropped: 0 })
  const before = new Map<number, number>(
    answer.partitions.map(({ partition, from }: { partition: number; from: number }) => [partition, from]),
  )
  expect([...before.values()].reduce((sum, from) => sum + from)).toBe(20)
  await expect.poll(() => effectsOf(first, 'steps'), soon).toEqual(handled(twice(numbers(5), numbers(5))))
  const ended = [0, 1].map((partition) => ({ partition, next: before.get(partition), generation: 1 }))
  expect(await positionsOf(first)).toEqual(ended)
  const { rows } = await first.database.query(
    'SELECT consumer, action, topic, partition, from_offset::int, to_offset::int, by FROM millrace.consumer_audit',
  )
  expect(rows).toEqual(
    answer.partitions.map(({ partition, from }: { partition: number; from: number }) => ({
      ...{ consumer: 'steps', action: 'seek', topic: 'steps', partition, from_offset: from, to_offset: 0, by: 'anna' },
    })),
  )
})

test('a seek goes to the first record of a time, and to an offset of one partition', async () => {
  await using t = await startSteps([stepsConsumer('steps', new Set())])
  await publishSteps(t, ['a'], 0, 3)
  await t.settled()
  await pause(5)
  const time = new Date()
  await pause(5)
  await publishSteps(t, ['a'], 3, 6)
  await t.settled()

  expect(await seek(t, { to: time.toISOString() })).toMatchObject({ partitions: [{ partition: 0, from: 6, to: 3 }] })
  await expect.poll(() => effectsOf(t, 'steps'), soon).toEqual({ a: twice(numbers(6), [3, 4, 5]) })
  expect(await seek(t, { to: 5, topic: 'steps', partition: 0 })).toMatchObject({ partitions: [{ from: 6, to: 5 }] })
  await expect.poll(() => effectsOf(t, 'steps'), soon).toEqual({ a: twice(numbers(6), [3, 4, 5, 5]) })
})

test('a seek forward skips; a paused consumer may be sought, and goes on there when it is resumed', async () => {
  await using t = await startSteps([stepsConsumer('steps', new Set())])
  await publishSteps(t, ['a'], 0, 2)
  await t.settled()
  await adminOf(t).post('/consumers/steps/pause', { by: 'anna' })
  await publishSteps(t, ['a'], 2, 5)
  const lag = async () => (await adminOf(t).get('/consumers')).json().items[0].lag
  await expect.poll(lag, soon).toBe(3)

  expect(await seek(t, { to: 'latest' })).toMatchObject({ partitions: [{ from: 2, to: 5 }] })
  expect(await lag()).toBe(0)
  await adminOf(t).post('/consumers/steps/resume')
  await adminOf(t).post('/consumers/steps/resume')
  await publishSteps(t, ['a'], 5, 7)
  await t.settled()
  expect(await effectsOf(t, 'steps')).toEqual({ a: [0, 1, 5, 6] })
  const { rows } = await t.database.query('SELECT action, by FROM millrace.consumer_audit ORDER BY id')
  expect(rows).toEqual([
    { action: 'pause', by: 'anna' },
    { action: 'seek', by: 'http' },
    { action: 'resume', by: 'http' },
  ])
})

test('a seek of one partition leaves the others where they are', async () => {
  await using t = await startSteps([stepsConsumer('steps', new Set())], { topicPartitions: 2 })
  const keys = ['a', 'b', 'c', 'd', 'e']
  await publishSteps(t, keys, 0, 4)
  await t.settled()
  const [, other] = await positionsOf(t)

  await seek(t, { to: 'earliest', partition: 0 })
  await expect
    .poll(async () => (await positionsOf(t))[0], soon)
    .toMatchObject({ generation: 1, next: 20 - (other?.next ?? 0) })
  await t.settled()
  expect((await positionsOf(t))[1]).toEqual(other)
  const again = Object.values(await effectsOf(t, 'steps')).filter((n) => n.length === 8)
  expect(again.length * 4).toBe(20 - (other?.next ?? 0))
})

test('what cannot be sought is refused, a dry run only tells, and neither changes anything', async () => {
  await using t = await startSteps([stepsConsumer('steps', new Set())], { topicPartitions: 2 })
  await publishSteps(t, ['a', 'b', 'c'], 0, 2)
  await t.settled()
  const before = await positionsOf(t)
  const [{ next = 0 } = {}] = before

  const refused = { status: 422, code: 'REQUEST_INVALID' }
  expect(await seek(t, { to: next + 1, partition: 0 })).toMatchObject({
    status: 422,
    code: 'OFFSET_OUTSIDE_LOG',
    detail: `Offset ${next + 1} is not within steps/0, which begins at 0 and ends at ${next}.`,
  })
  expect(await seek(t, { to: 1 })).toMatchObject(refused)
  expect(await seek(t, { to: 'earliest', topic: 'others' })).toMatchObject(refused)
  expect(await seek(t, { to: 'earliest', partition: 2 })).toMatchObject(refused)
  for (const to of [undefined, -1, 1.5, 'yesterday', '2026-01-31']) expect(await seek(t, { to })).toMatchObject(refused)
  const stranger = await adminOf(t).post('/consumers/none/seek', { to: 'earliest' })
  expect([stranger.statusCode, stranger.json().code]).toEqual([404, 'CONSUMER_NOT_HERE'])

  const dry = await seek(t, { to: 'earliest', dryRun: true })
  expect(dry).toMatchObject({
    ...{ status: 200, dryRun: true, dropped: 0 },
    partitions: before.map(({ partition, next }) => ({ partition, from: next, to: 0 })),
  })
  expect(await positionsOf(t)).toEqual(before)
  const { rows } = await t.database.query('SELECT FROM millrace.consumer_audit')
  expect(rows).toEqual([])
})

test('retention has moved the start: what is below it is refused', async () => {
  await using t = await startSteps([stepsConsumer('steps', new Set())])
  await publishSteps(t, ['a'], 0, 5)
  await t.settled()
  await deleteBelow(t, { topic: 'steps', partition: 0, offset: 2 })
  expect(await seek(t, { to: 1 })).toMatchObject({ code: 'OFFSET_OUTSIDE_LOG' })
  expect(await seek(t, { to: 'earliest' })).toMatchObject({ partitions: [{ to: 2 }] })
  await expect.poll(() => effectsOf(t, 'steps'), soon).toEqual({ a: twice(numbers(5), [2, 3, 4]) })
})

test('parked records that it comes to again are dropped, and no key waits for a dead letter that it comes to again', async () => {
  const failing = new Set(['a/2'])
  await using t = await startSteps([stepsConsumer('steps', failing)])
  await publishSteps(t, ['a'], 0, 5)
  await t.settled()
  expect([await countOf(t, 'parked'), await countOf(t, 'dead_letter')]).toEqual([2, 1])

  failing.clear()
  expect(await seek(t, { to: 1, dryRun: true })).toMatchObject({ dropped: 2 })
  expect(await seek(t, { to: 1 })).toMatchObject({ dropped: 2 })
  await expect.poll(() => effectsOf(t, 'steps'), soon).toEqual({ a: [0, 1, 1, 2, 3, 4] })
  expect([await countOf(t, 'parked'), await countOf(t, 'held_key')]).toEqual([0, 0])
  // It tells what happened; redriven, it is known to have been handled since.
  const [letter] = (await adminOf(t).get('/dead-letters')).json().items
  expect(letter).toMatchObject({ offset: 2, held: false })
  await adminOf(t).post('/dead-letters/redrive', { ids: [letter.id] })
  await t.settled()
  expect(await effectsOf(t, 'steps')).toEqual({ a: [0, 1, 1, 2, 3, 4] })
  expect(await countOf(t, 'dead_letter')).toBe(0)
})

test('records before the place that have not been handled stay ahead of the later ones of their key', async () => {
  const failing = new Set(['a/1', 'b/1'])
  await using t = await startSteps([stepsConsumer('steps', failing, { attempts: 3 }), stepsConsumer('dead', new Set())])
  await publishSteps(t, ['a', 'b', 'c'], 0, 4)
  await t.settled()
  const found = { a: [0], b: [0], c: numbers(4) }
  expect(await effectsOf(t, 'steps')).toEqual(found)

  // Behind the failed ones: a/1 is at offset 3, b/1 at 4.
  expect(await seek(t, { to: 6 })).toMatchObject({ dropped: 4 })
  const again = { ...found, c: twice(numbers(4), [2, 3]) }
  await expect.poll(() => effectsOf(t, 'steps'), soon).toEqual(again)
  await expect.poll(() => countOf(t, 'parked'), soon).toBe(4)
  failing.clear()
  await adminOf(t).post('/dead-letters/redrive', { all: true })
  await t.settled()
  expect(await effectsOf(t, 'steps')).toEqual({ ...again, a: numbers(4), b: numbers(4) })
  expect(await countOf(t, 'held_key')).toBe(0)
  // The other consumer of the topic was not concerned.
  expect(await effectsOf(t, 'dead')).toEqual({ a: numbers(4), b: numbers(4), c: numbers(4) })
})

/** A consumer at which every so-manieth attempt fails, whatever the record. */
function flaky(every: number): Consumer {
  let attempts = 0
  return defineConsumer({
    name: 'steps',
    topic: steps,
    retry: { attempts: 1_000, backoff: () => 1 },
    on: {
      Step: async ({ data: { key, n } }, unit) => {
        attempts += 1
        await unit.db.query("INSERT INTO effect (consumer, key, n) VALUES ('steps', $1, $2)", [key, n])
        if (attempts % every === 0) throw new Error(`${key}/${n} fails`)
      },
    },
  })
}

test.each([
  ['all goes well', stepsConsumer('steps', new Set())],
  ['records fail, and are parked', flaky(23)],
])('a seek under load while %s: from where it was sought, all is handled once and in order', async (_, consumer) => {
  await using t = await startSteps([consumer], { topicPartitions: 2 })
  const keys = numbers(6).map((n) => `k${n}`)
  await publishSteps(t, keys, 0, 200)
  for (let round = 1; round <= 4; round += 1) {
    await expect.poll(async () => (await positionsOf(t)).some(({ next }) => next > 50 * round), soon).toBe(true)
    await seek(t, { to: 'earliest' })
  }
  await t.settled()
  for (const found of Object.values(await effectsOf(t, 'steps'))) {
    const starts = found.flatMap((n, at) => (n === 0 ? [at] : []))
    const runs = starts.map((start, nth) => found.slice(start, starts[nth + 1]))
    expect(starts[0]).toBe(0)
    for (const run of runs) expect(run).toEqual(numbers(run.length))
    expect(runs.at(-1)).toEqual(numbers(200))
    expect(runs.length).toBeLessThanOrEqual(5)
  }
  expect([await countOf(t, 'parked'), await countOf(t, 'held_key'), await countOf(t, 'dead_letter')]).toEqual([0, 0, 0])
})

test('a seek ends a position beyond the log’s end, whose error names the command', async () => {
  const seen: number[] = []
  const consumer = defineConsumer({ name: 'steps', topic: steps, on: { Step: ({ data }) => void seen.push(data.n) } })
  await using t = await startSteps([consumer], { progressTimeout: 0 })
  await publishSteps(t, ['a'], 0, 2)
  await t.settled()
  await t.database.query('UPDATE millrace.position SET next_offset = 100')
  await publishSteps(t, ['a'], 2, 4)
  const problem = async () => (await t.http.get('/health/progress')).json().consumers[0].partitions[0].problem
  await expect
    .poll(problem, soon)
    .toMatch(/beyond its end at 4\. .* npx millrace consumers seek steps --topic steps --partition 0 /)

  await seek(t, { to: 2 })
  await t.settled()
  expect(seen).toEqual([0, 1, 2, 3])
})

test('a seek ends the standstill at a topic that was created anew, in all of its partitions', async () => {
  await using t = await startSteps([stepsConsumer('steps', new Set())], { topicPartitions: 2, progressTimeout: 0 })
  const keys = ['a', 'b', 'c', 'd']
  await publishSteps(t, keys, 0, 2)
  await t.settled()
  // As if what was handled had been of a topic before this one.
  await t.database.query(
    "UPDATE millrace.position SET topic_id = '00000000-0000-4000-8000-000000000000', generation = 3",
  )
  await publishSteps(t, keys, 2, 3)
  const problems = async (): Promise<string[]> => {
    const [{ partitions }] = (await t.http.get('/health/progress')).json().consumers
    return partitions.map(({ problem = '' }) => problem)
  }
  const said = expect.stringMatching(/created again: .* npx millrace consumers seek steps --topic steps --to earliest /)
  await expect.poll(problems, soon).toEqual([said, said])

  expect(await seek(t, { to: 'earliest', partition: 0 })).toMatchObject({ status: 422, code: 'REQUEST_INVALID' })
  const sought = await seek(t, { to: 'earliest' })
  expect(sought.partitions).toEqual([0, 1].map((partition) => ({ topic: 'steps', partition, from: null, to: 0 })))
  await t.settled()
  // The same ids in the inbox are of another generation.
  const again = Object.fromEntries(keys.map((key) => [key, [0, 1, 0, 1, 2]]))
  expect(await effectsOf(t, 'steps')).toEqual(again)
  expect((await positionsOf(t)).map(({ generation }) => generation)).toEqual([4, 4])
})
