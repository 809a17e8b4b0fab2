import { expect, test } from 'vitest'
import { defineConsumer } from '../core/consumer.ts'
import { type TestApp, testApp } from '../testing/index.ts'
import { advancePosition, loadPosition, type Position } from './positions.ts'
import { deleteBelow } from './retention.fixture.ts'
import { recorder, Step, steps, stepsModule } from './steps.fixture.ts'

const publish = async (t: TestApp, ...numbers: number[]) => {
  await t.millrace.transaction(async (unit) => unit.publish(...numbers.map((n) => Step({ key: `key ${n}`, n }))))
  await t.settled()
}

const sorted = (numbers: number[]) => numbers.toSorted((a, b) => a - b)

test('a new consumer begins where it says: at the first record, or at what comes next', async () => {
  const first = recorder('first')
  await using t = await testApp({ modules: [stepsModule(first.consumer)] })
  await publish(t, 1, 2, 3)
  await t.app.stop()

  const earliest = recorder('earliest')
  const latest = recorder('latest', { from: 'latest' })
  const modules = [stepsModule(first.consumer, earliest.consumer, latest.consumer)]
  await using again = await testApp({ modules, databaseUrl: t.databaseUrl })
  await publish(again, 4)
  expect(sorted(first.seen)).toEqual([1, 2, 3, 4])
  expect(sorted(earliest.seen)).toEqual([1, 2, 3, 4])
  expect(latest.seen).toEqual([4])
})

test('a renamed consumer takes over the position of its former name', async () => {
  const old = recorder('old-name')
  await using t = await testApp({ modules: [stepsModule(old.consumer)] })
  await publish(t, 1, 2)
  await t.app.stop()

  const renamed = recorder('new-name', { formerly: 'old-name' })
  await using again = await testApp({ modules: [stepsModule(renamed.consumer)], databaseUrl: t.databaseUrl })
  await publish(again, 3)
  expect(renamed.seen).toEqual([3])
})

test('a chunk whose position somebody else moved is rolled back, and the worker goes on from where the database says', async () => {
  const seen = recorder('fenced')
  await using t = await testApp({ modules: [stepsModule(seen.consumer)], topicPartitions: 1 })
  await publish(t, 1)
  // Another member, as far as this one can tell, has handled the next two.
  await t.database.query('UPDATE millrace.position SET next_offset = next_offset + 2')
  await publish(t, 2, 3, 4)
  expect(seen.seen.slice(0, 1)).toEqual([1])
  expect(await effects(t)).toBe(4)
  expect(seen.seen.at(-1)).toBe(4)
})

test('a key that another member came to hold with its last chunk is held for the one that takes the partition up', async () => {
  const { seen, consumer } = recorder('heir')
  await using t = await testApp({ modules: [stepsModule(consumer)], topicPartitions: 1 })
  const publishOne = (n: number) => t.millrace.transaction(async (unit) => unit.publish(Step({ key: 'a', n })))
  await publishOne(1)
  await t.settled()

  await t.database.transaction(async (lastChunk) => {
    await lastChunk.query('LOCK TABLE millrace.position IN ACCESS EXCLUSIVE MODE')
    await t.database.query('UPDATE millrace.consumer SET seeks = seeks + 1')
    const waiting = `SELECT FROM pg_locks WHERE relation = 'millrace.position'::regclass AND NOT granted`
    await expect.poll(async () => (await t.database.query(waiting)).rowCount, { timeout: 5_000 }).toBeGreaterThan(0)
    await lastChunk.query(
      `INSERT INTO millrace.held_key (consumer_id, topic_id, key_hash)
       SELECT consumer_id, topic_id, md5('a')::uuid FROM millrace.position`,
    )
  })
  await publishOne(2)
  const parked = async () => (await t.database.query('SELECT FROM millrace.parked')).rowCount
  await expect.poll(parked).toBe(1)
  expect(seen).toEqual([1])
})

test('records that retention deleted before they were handled are noted as a gap, and the rest is handled', async () => {
  await using keeper = await testApp({ modules: [stepsModule()], topicPartitions: 1, roles: ['api'] })
  const { databaseUrl } = keeper
  await using t = await testApp({ modules: [stepsModule(recorder('late').consumer)], databaseUrl })
  await publish(t, 1, 2, 3)
  await t.app.stop()
  await deleteBelow(keeper, { topic: 'steps', partition: 0, offset: 2 })
  await seekToStart(keeper)

  const second = recorder('late')
  await using again = await testApp({ modules: [stepsModule(second.consumer)], databaseUrl })
  await again.settled()
  expect(second.seen).toEqual([3])
  const { rows } = await again.database.query('SELECT topic, partition, from_offset, to_offset FROM millrace.gap')
  expect(rows).toEqual([{ topic: 'steps', partition: 0, from_offset: '0', to_offset: '2' }])
})

test('a gap that opens while the consumer runs is noted, also when the first attempt to note it fails; nothing is lost', async () => {
  const held = holdingRecorder('running')
  await using t = await testApp({ modules: [stepsModule(held.consumer)], topicPartitions: 1 })
  await t.produce(largeStep(0))
  await held.holds
  // More than a reader fetches ahead: what it has not got yet is gone when it comes to it.
  for (let n = 1; n <= 12; n += 1) await t.produce(largeStep(n))
  await deleteBelow(t, { topic: 'steps', partition: 0, offset: 12 })
  await failOnceToNoteAGap(t)
  held.letGo()
  await t.settled()

  const { rows } = await t.database.query<{ from: number; to: number }>(
    'SELECT from_offset::int AS from, to_offset::int AS to FROM millrace.gap',
  )
  expect(rows).toEqual([{ from: expect.any(Number), to: 12 }])
  expect(held.seen).toEqual([...Array(rows[0]?.from).keys(), 12])
})

test('a position beyond the end of the log stops the partition, and progress names it', async () => {
  const seen = recorder('ahead')
  await using t = await testApp({ modules: [stepsModule(seen.consumer)], topicPartitions: 1 })
  await t.settled()
  await t.database.query('UPDATE millrace.position SET next_offset = 99')
  await t.app.stop()

  await using again = await testApp({
    modules: [stepsModule(seen.consumer)],
    databaseUrl: t.databaseUrl,
    progressTimeout: 0,
  })
  const problem = async () => (await again.http.get('/health/progress')).json().consumers[0]?.partitions[0]?.problem
  await expect.poll(problem).toContain('Consumer ahead stands at 99 of steps/0, beyond its end at 0')
})

/** As an operator sets a stopped consumer back. */
async function seekToStart({ database }: TestApp): Promise<void> {
  await database.query('UPDATE millrace.position SET next_offset = 0, generation = generation + 1')
}

/** A consumer that waits in the first record it is given, and remembers what it was given. */
function holdingRecorder(name: string) {
  const seen: number[] = []
  const { promise: holds, resolve: hold } = Promise.withResolvers<void>()
  const { promise: released, resolve: letGo } = Promise.withResolvers<void>()
  const consumer = defineConsumer({
    name,
    topic: steps,
    on: {
      Step: async ({ data: { n } }) => {
        hold()
        await released
        seen.push(n)
      },
    },
  })
  return { seen, holds, letGo, consumer }
}

function largeStep(n: number): { topic: string; value: Uint8Array } {
  return { topic: steps.name, value: Buffer.from(JSON.stringify({ key: 'key', n, filler: 'x'.repeat(700_000) })) }
}

async function failOnceToNoteAGap({ database }: TestApp): Promise<void> {
  await database.query(`
    CREATE SEQUENCE tries;
    CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('tries') = 1 THEN RAISE EXCEPTION 'the connection is bad' USING ERRCODE = '08006'; END IF;
      RETURN new;
    END $$;
    CREATE TRIGGER fail_once BEFORE INSERT ON millrace.gap FOR EACH ROW EXECUTE FUNCTION fail_once()`)
}

async function effects(t: TestApp): Promise<number> {
  const { rows } = await t.database.query<{ next: number }>('SELECT next_offset::int AS next FROM millrace.position')
  return rows[0]?.next ?? 0
}

test('a position that was read from a server before a restart or failover does not move: commits may be lost', async () => {
  const seen = recorder('failed-over')
  await using t = await testApp({ modules: [stepsModule(seen.consumer)], topicPartitions: 1 })
  await publish(t, 1)
  const { rows } = await t.database.query<{ consumer_id: number; topic_id: string; broker: string }>(
    'SELECT * FROM millrace.position',
  )
  const [row] = rows
  const key = {
    consumerId: row?.consumer_id ?? 0,
    topicId: row?.topic_id ?? '',
    broker: row?.broker ?? '',
    topic: 'steps',
    partition: 0,
  }
  const position = await loadPosition(t.database, key, 0)
  const advance = (from: Position) => t.database.transaction((transaction) => advancePosition(transaction, from, 2))
  expect(await advance({ ...position, server: '2026-01-01T00:00:00Z' })).toBeUndefined()
  expect(await advance(position)).toMatchObject({ next: 2 })
})
