import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../ports/database.ts'
import { Random, seedsOf, Turns } from '../testing/interleaving.fixture.ts'
import { count, type Lane, publishIn, RelayStage, withoutLocks } from './relay.fixture.ts'
import type { Relay } from './relay.ts'

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

/** What one transaction does, decided by the seed before it begins. */
interface Plan {
  readonly steps: readonly { readonly key: string; readonly times: number; readonly undone: boolean }[]
  /** Has its xid long before it publishes. */
  readonly earlyXid: boolean
  /** Turns between its last statement and its end. */
  readonly lateBy: number
  readonly rolledBack: boolean
  /** Waits once it has its xid, or once the outbox has its rows. */
  readonly held?: { readonly at: 'xid' | 'end'; readonly wait: () => Promise<void> }
}

class RolledBack extends Error {}

function planOf(random: Random, keys: readonly string[]): Plan {
  const steps = keys
    .filter(() => random.chance(60))
    .map((key) => ({ key, times: random.chance(10) ? 20 : 1 + random.below(3), undone: random.chance(15) }))
  return { steps, earlyXid: random.chance(30), lateBy: random.below(4), rolledBack: random.chance(20) }
}

async function write(lane: Lane, turns: Turns, plan: Plan): Promise<void> {
  const { steps, earlyXid, lateBy, rolledBack, held } = plan
  const { database } = stage
  await turns.take()
  await database
    .transaction(async (transaction) => {
      if (earlyXid) await transaction.query('SELECT pg_current_xact_id()')
      if (held?.at === 'xid') await held.wait()
      await publishIn(transaction, lane, database, async (unit) => {
        for (const { key, times, undone } of steps) {
          await turns.take()
          const part = async () => {
            await count(unit, lane, key, times)
            await turns.take()
            if (undone) throw new RolledBack()
          }
          await unit.attempt(part).catch(expectRolledBack)
        }
      })
      // The outbox has the rows now, with their numbers.
      await transaction.query('SELECT 1')
      if (held?.at === 'end') await held.wait()
      for (let turn = 0; turn < lateBy; turn += 1) await turns.take()
      if (rolledBack) throw new RolledBack()
    })
    .catch(expectRolledBack)
}

function expectRolledBack(error: unknown): void {
  if (!(error instanceof RolledBack)) throw error
}

/** Two relays of different processes, which a seed stops, starts, kills, and lets lead without their lock. */
class Relays {
  readonly #lane: Lane
  readonly #random: Random
  readonly #names: readonly string[]
  readonly #databases: readonly Database[]
  readonly #relays: Relay[] = []

  constructor(lane: Lane, random: Random) {
    this.#lane = lane
    this.#random = random
    this.#names = [`${lane.name}-a`, `${lane.name}-b`]
    this.#databases = this.#names.map((name) => stage.connect(name))
  }

  async start(): Promise<void> {
    for (const index of this.#names.keys()) await this.#start(index)
  }

  /** Says that something was committed, as its writer does. */
  wake(): void {
    this.#relays[this.#random.below(this.#relays.length)]?.wake()
  }

  async disturb(): Promise<void> {
    const index = this.#random.below(this.#names.length)
    if (this.#random.chance(50)) {
      await this.#relays[index]?.stop()
      await this.#start(index)
    } else {
      const sql = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1'
      await stage.database.query(sql, [this.#names[index]])
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#relays.map((relay) => relay.stop()))
    await Promise.all(this.#databases.map((database) => database.stop()))
  }

  async #start(index: number): Promise<void> {
    const connected = this.#databases[index]
    if (!connected) return
    // One that was stopped and resumed believes that it leads, whoever holds the lock.
    const database = this.#random.chance(40) ? withoutLocks(connected) : connected
    const piece = { rows: 1 + this.#random.below(7), bytes: this.#random.chance(50) ? 400 : 1_000_000 }
    this.#relays[index] = await stage.relay(this.#lane, { database, piece })
  }
}

async function publishAtRandom(seed: number): Promise<void> {
  const random = new Random(seed)
  const lane = await stage.lane(`seed.${seed}`)
  const keys = Array.from({ length: 1 + random.below(4) }, (_, index) => `${seed}/${index}`)
  const heldKeys = [`${seed}/held`]
  for (const key of [...keys, ...heldKeys]) await stage.database.query('INSERT INTO counter VALUES ($1)', [key])
  const relays = new Relays(lane, random)
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
  const steps = [{ key: `${seed}/held`, times: 1 + random.below(5), undone: false }]
  const held = write(lane, turns, { steps, earlyXid: true, lateBy: 0, rolledBack: false, held: { at, wait } })
  const writers = Array.from({ length: 3 + random.below(4) }, async () => {
    for (let transactions = 2 + random.below(6); transactions > 0; transactions -= 1) {
      await write(lane, turns, planOf(random, keys))
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
async function expectLogged(lane: Lane, keys: readonly string[]): Promise<void> {
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
