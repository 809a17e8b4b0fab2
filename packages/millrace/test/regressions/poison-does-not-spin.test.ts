import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { adminOf, countOf, numbers, publishSteps, startSteps } from '../../src/delivery/operations.fixture.ts'
import { steps } from '../../src/delivery/steps.fixture.ts'
import { defineConsumer } from '../../src/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { until } from '../faults/until.ts'

/** There is nothing to wait for: this is the time that is looked at. */
const windowMs = 1_000
/** In a second. An idle app takes 11 ms of a processor and 13 transactions; a loop without a pause takes all of it. */
const most = { cpuMs: 250, handled: 20, transactions: 100 }

/** An app whose handler fails at what it is told to, by the retry policy that consumers have by default. */
async function start(fails: (step: { key: string; n: number }) => boolean, attempts = 5) {
  let handled = 0
  const consumer = defineConsumer({
    name: 'steps',
    topic: steps,
    retry: { attempts },
    on: {
      Step: async ({ data }, unit) => {
        handled += 1
        await unit.db.query('SELECT 1')
        if (fails(data)) throw new Error('poison')
      },
    },
  })
  const t = await startSteps([consumer])
  return Object.assign(t, { handled: () => handled })
}

type Started = Awaited<ReturnType<typeof start>>

test('a record between its attempts, with others behind it, takes next to no work', async () => {
  await using t = await start(({ n }) => n === 0, 1_000)
  await publishSteps(t, ['a'], 0, 100)
  await until('it is parked', async () => (await countOf(t, 'parked')) === 100)
  await becomesQuiet(t)
})

test('a dead letter that holds its key while others of it arrive takes next to no work', async () => {
  await using t = await start(({ n }) => n === 0, 1)
  await publishSteps(t, ['a'], 0, 100)
  await until('it is a dead letter', async () => (await countOf(t, 'parked')) === 99)
  await publishSteps(t, ['a'], 100, 200)
  await until('they wait', async () => (await countOf(t, 'parked')) === 199)
  await becomesQuiet(t)
})

test('when every record is poison, they take next to no work', async () => {
  await using t = await start(() => true)
  const keys = numbers(200).map((n) => `k${n}`)
  await publishSteps(t, keys, 0, 5)
  const open = async () => /breaker_open\{consumer="steps"\} 1/.test((await t.http.get('/metrics')).body)
  await until('the breaker is open', open)
  await becomesQuiet(t)
  expect(await open()).toBe(true)
})

test('poison that cannot even be made a dead letter takes little work', async () => {
  await using t = await start(() => false)
  await t.database.query('ALTER TABLE millrace.dead_letter ADD CONSTRAINT none CHECK (false)')
  await t.produce({ topic: 'steps', value: Buffer.from('{') })
  await until('it has been tried', async () => (await problemOf(t)) === '23514')
  await becomesQuiet(t)
  expect(await problemOf(t)).toBe('23514')
})

/** What last went wrong in the only partition. */
async function problemOf(t: TestApp): Promise<string | undefined> {
  return (await adminOf(t).get('/consumers')).json().items[0]?.partitions[0]?.lastError
}

/** Other tests of the machine, and what a process does once, are in some measurements and not in all. */
async function becomesQuiet(t: Started): Promise<void> {
  let found = most
  const isQuiet = async () => {
    found = await perSecond(t)
    return found.cpuMs < most.cpuMs && found.handled < most.handled && found.transactions < most.transactions
  }
  await until(`less than ${JSON.stringify(most)} per second`, isQuiet, 20_000).catch((error: Error) => {
    throw new Error(`${error.message}, but ${JSON.stringify(found)}`)
  })
}

async function perSecond(t: Started): Promise<typeof most> {
  const before = await work(t)
  await delay(windowMs)
  const after = await work(t)
  const rate = (what: keyof typeof most) => Math.round((after[what] - before[what]) / (windowMs / 1_000))
  return { cpuMs: rate('cpuMs'), handled: rate('handled'), transactions: rate('transactions') }
}

async function work({ database, handled }: Started): Promise<typeof most> {
  const { rows } = await database.query<{ transactions: number }>(
    `SELECT (xact_commit + xact_rollback)::int AS transactions FROM pg_stat_database WHERE datname = current_database()`,
  )
  const { user, system } = process.cpuUsage()
  return { cpuMs: (user + system) / 1_000, handled: handled(), transactions: rows[0]?.transactions ?? 0 }
}
