import { expect, test } from 'vitest'
import type { TestApp } from '../testing/index.ts'
import { adminOf, countOf, effectsOf, numbers, publishSteps, startSteps, stepsConsumer } from './operations.fixture.ts'

async function consumersOf(t: TestApp) {
  return (await adminOf(t).get('/consumers')).json().items
}

async function progressOf(t: TestApp) {
  const answer = await t.http.get('/health/progress')
  return { status: answer.statusCode, ...answer.json() }
}

/** The relay has carried on what was published: it waits for its consumer. */
async function lagsBy(t: TestApp, lag: number): Promise<void> {
  await expect.poll(async () => (await consumersOf(t))[0].lag).toBe(lag)
}

test('consumers are listed with how far they are, in the fleet and in this process', async () => {
  await using t = await startSteps([stepsConsumer('steps', new Set(['a/2']))], { topicPartitions: 2 })
  await publishSteps(t, ['a', 'b', 'c'], 0, 5)
  await t.settled()
  const [steps, ...others] = await consumersOf(t)
  expect(others).toEqual([])
  expect(steps).toMatchObject({
    ...{ name: 'steps', state: 'running', pausedSince: null, lag: 0 },
    ...{ heldKeys: 1, parked: 2, deadLetters: 1, breakerOpen: false },
  })
  expect(steps.partitions).toHaveLength(2)
  for (const partition of steps.partitions) {
    expect(partition).toMatchObject({ topic: 'steps', lag: 0, lagMs: 0, here: true, position: partition.end })
  }
  await using api = await startSteps([stepsConsumer('steps', new Set())], {
    databaseUrl: t.databaseUrl,
    roles: ['api'],
  })
  const [seen] = await consumersOf(api)
  expect(seen).toMatchObject({ lag: 0, breakerOpen: null, deadLetters: 1 })
  expect(seen.partitions).toMatchObject([{ here: false, stillMs: null }, { here: false }])
})

test('a paused consumer handles nothing in any process, is shown as paused, and is no fault', async () => {
  const consumer = stepsConsumer('steps', new Set())
  // Any standstill is one too long here.
  const options = { topicPartitions: 2, progressTimeout: 0 }
  await using first = await startSteps([consumer], options)
  await using second = await startSteps([consumer], { ...options, databaseUrl: first.databaseUrl })
  const shared = async () => (await progressOf(first)).consumers[0].partitions.length
  await expect.poll(shared, { timeout: 10_000 }).toBe(1)

  const paused = await adminOf(first).post('/consumers/steps/pause')
  expect([paused.statusCode, paused.json()]).toEqual([200, { name: 'steps', state: 'paused' }])
  await expect.poll(async () => (await progressOf(second)).consumers[0].paused, { timeout: 1_000 }).toBe(true)
  await publishSteps(second, ['a', 'b', 'c'], 0, 4)
  await lagsBy(first, 12)
  for (const t of [first, second]) {
    expect(await progressOf(t)).toMatchObject({ consumers: [{ ok: true, paused: true }] })
    expect((await t.http.get('/health/ready')).statusCode).toBe(200)
  }
  const [shown] = await consumersOf(first)
  expect(shown).toMatchObject({ state: 'paused', pausedSince: expect.any(String) })
  expect(await effectsOf(first, 'steps')).toEqual({})
  // They are its members still.
  expect(await shared()).toBe(1)

  await adminOf(second).post('/consumers/steps/resume')
  await expect.poll(() => effectsOf(first, 'steps')).toEqual({ a: numbers(4), b: numbers(4), c: numbers(4) })
  expect((await consumersOf(first))[0]).toMatchObject({ state: 'running', pausedSince: null, lag: 0 })
})

test('a pause outlasts the process, holds retries back, and can be said before the first start', async () => {
  const failing = new Set(['a/1'])
  const consumer = stepsConsumer('steps', failing, { attempts: 1_000 })
  await using first = await startSteps([consumer], { roles: ['api'] })
  expect((await adminOf(first).post('/consumers/none/pause')).json()).toMatchObject({ code: 'CONSUMER_UNKNOWN' })
  await adminOf(first).post('/consumers/steps/pause')
  await adminOf(first).post('/consumers/steps/resume')

  await using second = await startSteps([consumer], { databaseUrl: first.databaseUrl })
  await publishSteps(second, ['a'], 0, 3)
  await expect.poll(() => countOf(second, 'parked')).toBe(2)
  await adminOf(second).post('/consumers/steps/pause')
  await second.app.stop()

  failing.clear()
  await using third = await startSteps([consumer], { databaseUrl: first.databaseUrl })
  await publishSteps(third, ['b'], 0, 2)
  await lagsBy(third, 2)
  // It has read them, and does not count it as the beginning of a chunk that never ended.
  await expect.poll(async () => (await consumersOf(third))[0].partitions[0].lagMs).not.toBeNull()
  const { rows } = await third.database.query('SELECT takeups FROM millrace.position')
  expect(rows).toEqual([{ takeups: 0 }])
  expect(await effectsOf(third, 'steps')).toEqual({ a: [0] })
  expect(await countOf(third, 'parked')).toBe(2)
  await adminOf(third).post('/consumers/steps/resume')
  await third.settled()
  expect(await effectsOf(third, 'steps')).toEqual({ a: numbers(3), b: numbers(2) })
})

test('a process that is stopped while it looks for parked records stops at once', async () => {
  await using keeper = await startSteps([], { roles: ['api'] })
  for (let round = 0; round < 4; round += 1) {
    const t = await startSteps([stepsConsumer('steps', new Set())], { databaseUrl: keeper.databaseUrl })
    await publishSteps(t, ['a'], 0, 2)
    await t.settled()
    // It looks again when something was said, wherever it was said.
    await adminOf(keeper).post('/consumers/steps/pause')
    const started = performance.now()
    await t.app.stop()
    expect(performance.now() - started).toBeLessThan(3_000)
    await adminOf(keeper).post('/consumers/steps/resume')
  }
})

test('a consumer that a setting pauses handles nothing in that process, and says so, until it starts without it', async () => {
  const consumer = stepsConsumer('steps', new Set())
  await using held = await startSteps([consumer], { pausedConsumers: ['steps'], progressTimeout: 0 })
  await publishSteps(held, ['a'], 0, 3)
  await lagsBy(held, 3)
  expect((await progressOf(held)).consumers).toMatchObject([{ ok: true, paused: true }])
  expect((await consumersOf(held))[0]).toMatchObject({ state: 'paused', pausedSince: null })
  const resumed = await adminOf(held).post('/consumers/steps/resume')
  expect([resumed.statusCode, resumed.json().code]).toEqual([409, 'CONSUMER_PAUSED_BY_SETTING'])
  await expect.poll(async () => (await consumersOf(held))[0].partitions[0].lagMs).not.toBeNull()
  expect(await effectsOf(held, 'steps')).toEqual({})
  await held.app.stop()

  await using free = await startSteps([consumer], { databaseUrl: held.databaseUrl })
  await free.settled()
  expect(await effectsOf(free, 'steps')).toEqual({ a: numbers(3) })
})

test('a setting that pauses a consumer there is not is refused: the one it means would run', async () => {
  const start = startSteps([stepsConsumer('steps', new Set())], { pausedConsumers: ['step'] })
  await expect(start).rejects.toMatchObject({ code: 'DEFINITION_INVALID', message: expect.stringContaining('steps') })
})
