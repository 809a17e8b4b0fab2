import { expect, test } from 'vitest'
import { type Consumer, defineConsumer } from '../core/consumer.ts'
import type { ReplayItem } from '../http/index.ts'
import type { TestApp } from '../testing/index.ts'
import { adminOf, countOf, effectsOf, type Failing, numbers, publishSteps, startSteps } from './operations.fixture.ts'
import { deleteBelow } from './retention.fixture.ts'
import { steps } from './steps.fixture.ts'

const soon = { timeout: 10_000 }

interface ReplayableOptions {
  readonly failing?: Failing
  readonly onDeadLetter?: 'hold' | 'continue'
  /** Awaited before each step of a replay. */
  readonly gate?: () => Promise<void>
}

/** A consumer that writes down what it handles, and for which replay; some steps fail, in replays alone. */
function replayable({ failing = new Set(), onDeadLetter = 'hold', gate }: ReplayableOptions = {}): Consumer {
  return defineConsumer({
    name: 'steps',
    topic: steps,
    retry: { attempts: 2, backoff: () => 1 },
    onDeadLetter,
    on: {
      Step: async ({ replay, data: { key, n } }, unit) => {
        if (replay !== undefined) await gate?.()
        const name = replay === undefined ? 'live' : `replay ${replay}`
        await unit.db.query('INSERT INTO effect (consumer, key, n) VALUES ($1, $2, $3)', [name, key, n])
        if (replay !== undefined && failing.has(`${key}/${n}`)) throw new Error(`${key}/${n} fails`)
      },
    },
  })
}

async function begin(t: TestApp, command: object) {
  const answer = await adminOf(t).post('/consumers/steps/replays', command)
  return { status: answer.statusCode, ...answer.json() }
}

async function show(t: TestApp, id: string): Promise<ReplayItem> {
  return (await adminOf(t).get(`/replays/${id}`)).json()
}

async function ended(t: TestApp, id: string): Promise<ReplayItem> {
  await expect.poll(async () => (await show(t, id)).state, soon).not.toBe('running')
  return show(t, id)
}

/** All that is the live consumer's. */
async function liveState(t: TestApp) {
  const { items } = (await adminOf(t).get('/consumers')).json()
  const { rows } = await t.database.query(
    `SELECT p.partition, p.generation, p.next_offset::int AS next FROM millrace.position p
       JOIN millrace.consumer c ON c.id = p.consumer_id WHERE c.name = 'steps' ORDER BY partition`,
  )
  return { items, positions: rows }
}

const keys = numbers(6).map((n) => `k${n}`)
const all = (n: number[]) => Object.fromEntries(keys.map((key) => [key, n]))

test('a replay handles past records once more, in order, while the live group goes on with new ones, undisturbed', async () => {
  await using t = await startSteps([replayable()], { topicPartitions: 2 })
  await publishSteps(t, keys, 0, 60)
  await t.settled()

  const begun = await begin(t, { from: 'earliest', by: 'anna' })
  expect(begun).toMatchObject({ status: 200, dryRun: false, consumer: 'steps', records: 360 })
  await publishSteps(t, keys, 60, 120)
  const replay = await ended(t, begun.id)
  await t.settled()

  expect(await effectsOf(t, `replay ${begun.id}`)).toEqual(all(numbers(60)))
  expect(await effectsOf(t, 'live')).toEqual(all(numbers(120)))
  const done = { from: 0, parked: 0, dead: 0, skipped: 0 }
  expect(replay).toMatchObject({
    ...{ state: 'done', consumer: 'steps', scope: `steps@replay-${begun.id}`, by: 'anna', problem: null },
    endedAt: expect.any(String),
    partitions: begun.partitions.map(({ partition, to }: { partition: number; to: number }) => {
      return { ...done, topic: 'steps', partition, to, position: to, handled: to }
    }),
  })
  const { items, positions } = await liveState(t)
  expect(items).toMatchObject([{ name: 'steps', lag: 0, parked: 0, deadLetters: 0, heldKeys: 0, breakerOpen: false }])
  expect(items[0].partitions).toHaveLength(2)
  expect(positions).toMatchObject([{ generation: 0 }, { generation: 0 }])
  const { rows } = await t.database.query(
    'SELECT consumer, action, replay_id::text AS id, by FROM millrace.consumer_audit',
  )
  expect(rows).toEqual([0, 1].map(() => ({ consumer: 'steps', action: 'replay', id: begun.id, by: 'anna' })))
})

test('a replay of a part: from a time or an offset, up to another one, in one partition', async () => {
  await using t = await startSteps([replayable()])
  await publishSteps(t, ['a'], 0, 10)
  await t.settled()
  const part = await begin(t, { from: 3, to: 6, topic: 'steps', partition: 0 })
  expect(part).toMatchObject({ records: 3, partitions: [{ topic: 'steps', partition: 0, from: 3, to: 6 }] })
  await ended(t, part.id)
  expect(await effectsOf(t, `replay ${part.id}`)).toEqual({ a: [3, 4, 5] })

  const later = new Date(Date.now() + 60_000).toISOString()
  const none = await begin(t, { from: later })
  expect(none).toMatchObject({ records: 0 })
  expect(await ended(t, none.id)).toMatchObject({ state: 'done', partitions: [{ from: 10, to: 10, handled: 0 }] })
  const recent = await begin(t, { from: new Date(Date.now() - 60_000).toISOString(), to: 4 })
  expect(recent).toMatchObject({ records: 4 })
  await ended(t, recent.id)
  expect(await effectsOf(t, `replay ${recent.id}`)).toEqual({ a: numbers(4) })
  const { items, next } = (await adminOf(t).get('/replays?limit=2')).json()
  expect(items.map(({ id }: ReplayItem) => id)).toEqual([recent.id, none.id])
  expect((await adminOf(t).get(`/replays?limit=2&after=${next}`)).json()).toMatchObject({
    items: [{ id: part.id }],
    next: null,
  })
})

test('a record that fails in a replay is a dead letter of its scope, and is redriven there; live goes on', async () => {
  const failing = new Set(['k1/3'])
  await using t = await startSteps([replayable({ failing })], { topicPartitions: 2 })
  await publishSteps(t, keys, 0, 6)
  await t.settled()
  const { id } = await begin(t, { from: 'earliest' })
  const replay = await ended(t, id)
  const sum = (of: (partition: ReplayItem['partitions'][number]) => number) =>
    replay.partitions.reduce((total, partition) => total + of(partition), 0)
  expect([sum(({ handled }) => handled), sum(({ parked }) => parked), sum(({ dead }) => dead)]).toEqual([33, 2, 1])
  expect(replay.state).toBe('done')
  expect(await effectsOf(t, `replay ${id}`)).toEqual({ ...all(numbers(6)), k1: [0, 1, 2] })

  // The key is held in the scope alone.
  await publishSteps(t, ['k1'], 6, 8)
  await t.settled()
  expect((await effectsOf(t, 'live'))['k1']).toEqual(numbers(8))
  expect((await liveState(t)).items).toMatchObject([{ parked: 0, deadLetters: 0, heldKeys: 0, lag: 0 }])

  const [letter] = (await adminOf(t).get(`/dead-letters?consumer=${replay.scope}`)).json().items
  expect(letter).toMatchObject({ consumer: replay.scope, held: true, reason: 'k1/3 fails' })
  failing.clear()
  expect((await adminOf(t).post('/dead-letters/redrive', { consumer: replay.scope })).json()).toMatchObject({ done: 1 })
  await expect.poll(() => countOf(t, 'parked'), soon).toBe(0)
  expect(await effectsOf(t, `replay ${id}`)).toEqual(all(numbers(6)))
  expect(await countOf(t, 'held_key')).toBe(0)
  // What had come of it when it ended is what it says.
  expect(await show(t, id)).toEqual({ ...replay, here: expect.any(Boolean) })
})

test('handlers can tell, whatever their kind, and live events are unmarked', async () => {
  const seen: (string | undefined)[] = []
  const prepared = defineConsumer({
    name: 'steps',
    topic: steps,
    prepare: { Step: ({ replay }) => replay },
    on: { Step: ({ replay }, _unit, given) => void seen.push(replay, given) },
  })
  const batched = defineConsumer({
    name: 'batched',
    topic: steps,
    batch: { wait: '1ms', handle: (events) => void seen.push(...events.map(({ replay }) => replay)) },
  })
  await using t = await startSteps([prepared, batched])
  await publishSteps(t, ['a'], 0, 1)
  await t.settled()
  expect(seen).toEqual([undefined, undefined, undefined])
  const { id } = await begin(t, { from: 'earliest' })
  await ended(t, id)
  expect(seen.slice(3)).toEqual([id, id])
  const answer = await adminOf(t).post('/consumers/batched/replays', { from: 'earliest' })
  await ended(t, answer.json().id)
  expect(seen.slice(5)).toEqual([answer.json().id])
})

test('a replay that is cancelled handles nothing more; there is one at a time', async () => {
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
  let passed = 0
  const gate = async () => {
    passed += 1
    if (passed < 40) return
    reach()
    await held
  }
  const failing = new Set(['k0/0'])
  await using t = await startSteps([replayable({ gate, failing })])
  await publishSteps(t, keys, 0, 50)
  await t.settled()
  const { id } = await begin(t, { from: 'earliest' })
  await reached
  const refused = { status: 409, code: 'REPLAY_RUNNING', detail: expect.stringContaining(`Replay ${id} `) }
  expect(await begin(t, { from: 'earliest' })).toMatchObject(refused)
  const cancelled = adminOf(t).post(`/replays/${id}/cancel`, { by: 'anna' })
  letGo()

  expect((await cancelled).json()).toMatchObject({ id, state: 'cancelled' })
  const before = await effectsOf(t, `replay ${id}`)
  expect([await countOf(t, 'parked'), await countOf(t, 'held_key')]).toEqual([0, 0])
  const again = await adminOf(t).post(`/replays/${id}/cancel`)
  expect([again.statusCode, again.json().code]).toEqual([409, 'REPLAY_ENDED'])
  expect((await adminOf(t).post('/replays/999/cancel')).json().code).toBe('REPLAY_UNKNOWN')
  expect((await adminOf(t).get('/replays/999')).statusCode).toBe(404)

  failing.clear()
  const next = await begin(t, { from: 'earliest' })
  expect(await ended(t, next.id)).toMatchObject({ state: 'done' })
  expect(await effectsOf(t, `replay ${next.id}`)).toEqual(all(numbers(50)))
  expect(await effectsOf(t, `replay ${id}`)).toEqual(before)
  expect(Object.values(before).flat().length).toBeLessThan(300)
  expect(await effectsOf(t, 'live')).toEqual(all(numbers(50)))
  const { rows } = await t.database.query("SELECT by FROM millrace.consumer_audit WHERE action = 'cancel-replay'")
  expect(rows).toEqual([{ by: 'anna' }])
})

test('a dry run only tells; what cannot be replayed is refused', async () => {
  await using t = await startSteps([replayable()], { topicPartitions: 2 })
  await publishSteps(t, keys, 0, 3)
  await t.settled()
  const dry = await begin(t, { from: 'earliest', dryRun: true })
  expect(dry).toMatchObject({ status: 200, dryRun: true, id: null, records: 18 })
  expect(await begin(t, { from: 1 })).toMatchObject({ status: 422, code: 'REQUEST_INVALID' })
  expect(await begin(t, { from: 99, partition: 0 })).toMatchObject({ code: 'OFFSET_OUTSIDE_LOG' })
  expect(await begin(t, { from: 2, to: 1, partition: 0 })).toMatchObject({ status: 422, code: 'REQUEST_INVALID' })
  expect(await begin(t, {})).toMatchObject({ status: 422, code: 'REQUEST_INVALID' })
  expect((await adminOf(t).get('/replays')).json()).toEqual({ items: [], next: null })
  const { rows } = await t.database.query('SELECT name FROM millrace.consumer')
  expect(rows).toEqual([{ name: 'steps' }])
})

test('a worker takes up what another process has begun, also while the live consumer is paused; retention may be faster', async () => {
  await using api = await startSteps([replayable()], { roles: ['api'] })
  await using first = await startSteps([replayable()], { databaseUrl: api.databaseUrl })
  await publishSteps(first, ['a'], 0, 10)
  await first.settled()
  await adminOf(api).post('/consumers/steps/pause')
  await first.app.stop()
  const { id } = await begin(api, { from: 'earliest' })
  await deleteBelow(api, { topic: 'steps', partition: 0, offset: 4 })

  await using second = await startSteps([replayable()], { databaseUrl: api.databaseUrl })
  expect(await ended(api, id)).toMatchObject({
    ...{ state: 'done', here: false },
    partitions: [{ from: 0, to: 10, handled: 6, skipped: 4 }],
  })
  expect(await effectsOf(second, `replay ${id}`)).toEqual({ a: [4, 5, 6, 7, 8, 9] })
})

test('a replay whose topic is another one now has failed, and says so', async () => {
  await using api = await startSteps([replayable()], { roles: ['api'] })
  const { id } = await begin(api, { from: 'earliest', to: 'latest' })
  await api.database.query(
    `WITH positions AS (UPDATE millrace.position SET topic_id = gen_random_uuid(), next_offset = 0)
     UPDATE millrace.replay_partition SET topic_id = gen_random_uuid(), to_offset = 5`,
  )
  await api.database.query('UPDATE millrace.position p SET topic_id = r.topic_id FROM millrace.replay_partition r')
  await using worker = await startSteps([replayable()], { databaseUrl: api.databaseUrl })
  expect(await ended(worker, id)).toMatchObject({
    state: 'failed',
    problem: 'topic steps was deleted and created again',
  })
})
