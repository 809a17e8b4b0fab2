import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Random, seedsOf, Turns } from '../testing/interleaving.fixture.ts'
import { planOf, write } from './random-writers.fixture.ts'
import { RelayStage, type TestLane } from './relay.fixture.ts'
import { RivalRelays } from './rival-relays.fixture.ts'

let stage: RelayStage
let oldSnapshot: Client

beforeAll(async () => {
  stage = await RelayStage.create()
  oldSnapshot = new Client({ connectionString: stage.url })
  await oldSnapshot.connect()
  // As a dump would, held open for the whole run.
  await oldSnapshot.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  await oldSnapshot.query('SELECT count(*) FROM millrace.outbox')
})

afterAll(async () => {
  await oldSnapshot.end()
  await stage[Symbol.asyncDispose]()
})

async function publishAtRandom(seed: number): Promise<void> {
  const random = new Random(seed)
  const lane = await stage.lane(`seed.${seed}`)
  const keys = Array.from({ length: 1 + random.below(4) }, (_, index) => `${seed}/${index}`)
  const heldKeys = [`${seed}/held`]
  for (const key of [...keys, ...heldKeys]) await stage.database.query('INSERT INTO counter VALUES ($1)', [key])
  const relays = new RivalRelays(stage, random, lane.name, (options) => stage.relay(lane, options))
  await relays.start()

  const turns = new Turns(random)
  // One transaction is left open until everything else has ended and is in the log.
  const isHeld = Promise.withResolvers<void>()
  const mayEnd = Promise.withResolvers<void>()
  const wait = () => {
    isHeld.resolve()
    return mayEnd.promise
  }
  const at = random.chance(50) ? 'xid' : 'end'
  const steps = [{ lane, key: `${seed}/held`, times: 1 + random.below(5), undone: false }]
  const held = write(stage.database, turns, { steps, earlyXid: true, lateBy: 0, rolledBack: false, held: { at, wait } })
  const writers = Array.from({ length: 3 + random.below(4) }, async () => {
    for (let transactions = 2 + random.below(6); transactions > 0; transactions -= 1) {
      const steps = keys.map((key) => ({ lane, key }))
      await write(stage.database, turns, planOf(random, steps))
      relays.wake()
    }
  })
  const disturbed = async () => {
    for (let times = random.below(4); times > 0; times -= 1) {
      await turns.take()
      await relays.disturb()
    }
  }
  try {
    await turns.run([...writers, disturbed(), isHeld.promise])
    await expectLogged(lane, keys)
  } finally {
    mayEnd.resolve()
  }
  await turns.run([held])
  await expectLogged(lane, [...keys, ...heldKeys])
  await relays.stop()
  await expectLogged(lane, [...keys, ...heldKeys])
}

/** Of each key every value up to the last that was committed, once each, in order; and nothing else. */
async function expectLogged(lane: TestLane, keys: readonly string[]): Promise<void> {
  const { rows } = await stage.database.query<{ key: string; n: number }>(
    'SELECT key, n FROM counter WHERE key = ANY ($1) AND n > 0',
    [keys],
  )
  await stage.untilLogged(
    lane,
    rows.reduce((sum, { n }) => sum + n, 0),
  )
  const logged = Map.groupBy(await stage.logged(lane), ({ key }) => key)
  const values = new Map([...logged].map(([key, records]) => [key, records.map(({ n }) => n)]))
  expect(values).toEqual(new Map(rows.map(({ key, n }) => [key, Array.from({ length: n }, (_, i) => i + 1)])))
}

test('what concurrent transactions commit is in the log once each, in causal order per key; what they roll back is not', {
  timeout: 600_000,
}, async () => {
  const seeds = seedsOf('RELAY_SEED', 30)
  const workers = Array.from({ length: 3 }, async () => {
    for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
      await publishAtRandom(seed).catch((error: unknown) => {
        throw new Error(`seed ${seed} failed; repeat it with RELAY_SEED=${seed}`, { cause: error })
      })
    }
  })
  await Promise.all(workers)
})
