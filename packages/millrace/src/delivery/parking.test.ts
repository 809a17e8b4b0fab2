import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defineConsumer } from '../core/consumer.ts'
import { type TestApp, type TestAppOptions, testApp } from '../testing/index.ts'
import { Step, steps, stepsModule } from './steps.fixture.ts'

interface Numbered {
  readonly key: string | null
  readonly n: number
}

/** How often a step has been tried, before this time. */
type Misdeed = (step: Numbered, before: number) => boolean

interface Options {
  readonly attempts?: number
  readonly onDeadLetter?: 'hold' | 'continue'
  readonly backoff?: () => number
  readonly batch?: number
  readonly consumer?: { readonly name: string; readonly formerly: string }
}

/** An app whose consumer writes a row for each step it handles, and fails where it is told to. */
async function start(fails: Misdeed, options: Options & Partial<TestAppOptions> = {}) {
  const tried = new Map<string, number>()
  const {
    attempts = 4,
    onDeadLetter,
    backoff = () => 1,
    batch,
    consumer: named = { name: 'steps' },
    ...appOptions
  } = options
  const handle = (step: Numbered) => {
    const name = `${step.key}/${step.n}`
    const before = tried.get(name) ?? 0
    tried.set(name, before + 1)
    if (fails(step, before)) throw new Error(`${name} fails`)
  }
  const insert = 'INSERT INTO effect (key, n) SELECT * FROM unnest($1::text[], $2::int[])'
  const common = { ...named, topic: steps, retry: { attempts, backoff }, ...(onDeadLetter && { onDeadLetter }) }
  const consumer = batch
    ? defineConsumer({
        ...common,
        batch: {
          size: batch,
          handle: async (events, unit) => {
            await unit.db.query(insert, [events.map(({ data }) => data.key), events.map(({ data }) => data.n)])
            for (const { key, data } of events) handle({ key, n: data.n })
          },
        },
      })
    : defineConsumer({
        ...common,
        on: {
          Step: async ({ key, data }, unit) => {
            await unit.db.query(insert, [[data.key], [data.n]])
            handle({ key, n: data.n })
          },
        },
      })
  const t = await testApp({ modules: [stepsModule(consumer)], topicPartitions: 1, ...appOptions })
  await t.database.query(
    'CREATE TABLE IF NOT EXISTS effect (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL, n int NOT NULL)',
  )
  return Object.assign(t, { tried })
}

async function publish(t: TestApp, events: readonly Numbered[]): Promise<void> {
  await t.millrace.transaction(async (unit) => {
    for (const { key, n } of events) unit.publish(Step({ key: key ?? 'none', n }, key === null ? { key: null } : {}))
  })
}

function stepsOf(keys: readonly string[], count: number): Numbered[] {
  return Array.from({ length: count }, (_, n) => keys.map((key) => ({ key, n }))).flat()
}

/** The numbers of the steps that were handled, by key, in order. */
async function effects(t: TestApp): Promise<Record<string, number[]>> {
  const { rows } = await t.database.query<{ key: string; n: number }>('SELECT key, n FROM effect ORDER BY id')
  const byKey = Object.groupBy(rows, ({ key }) => key)
  return Object.fromEntries(Object.entries(byKey).map(([key, found = []]) => [key, found.map(({ n }) => n)]))
}

async function count(t: TestApp, table: 'parked' | 'held_key' | 'dead_letter'): Promise<number> {
  const { rows } = await t.database.query<{ count: string }>(`SELECT count(*) FROM millrace.${table}`)
  return Number(rows[0]?.count)
}

const numbers = (length: number) => Array.from({ length }, (_, n) => n)

describe('a record that fails', () => {
  test('waits for its next attempt with the later ones of its key; the others go on, and each key keeps its order', async () => {
    let mayPass = false
    await using t = await start(({ key, n }) => key === 'a' && n === 2 && !mayPass, { attempts: 1_000 })
    await publish(t, stepsOf(['a', 'b', 'c'], 10))
    await expect.poll(() => effects(t)).toEqual({ a: [0, 1], b: numbers(10), c: numbers(10) })
    await expect.poll(() => count(t, 'parked')).toBe(8)

    mayPass = true
    await t.settled()
    expect(await effects(t)).toEqual({ a: numbers(10), b: numbers(10), c: numbers(10) })
    expect([await count(t, 'parked'), await count(t, 'held_key'), await count(t, 'dead_letter')]).toEqual([0, 0, 0])
  })

  test('is a dead letter after its attempts, and its key waits for somebody to see to it', async () => {
    await using t = await start(({ key, n }) => key === 'a' && n === 1, { attempts: 3 })
    await publish(t, stepsOf(['a', 'b'], 4))
    await t.settled()
    expect(await effects(t)).toEqual({ a: [0], b: numbers(4) })
    expect(t.tried.get('a/1')).toBeGreaterThanOrEqual(3)
    const { rows } = await t.database.query(
      'SELECT attempts, held_key_id IS NOT NULL AS holds FROM millrace.dead_letter',
    )
    expect(rows).toEqual([{ attempts: 3, holds: true }])
    expect(await count(t, 'parked')).toBe(2)
    await publish(t, [{ key: 'a', n: 4 }])
    await t.settled()
    expect(await count(t, 'parked')).toBe(3)
  })

  test('is a dead letter after its attempts, and its key goes on where the consumer says so', async () => {
    await using t = await start(({ key, n }) => key === 'a' && n === 1, { attempts: 3, onDeadLetter: 'continue' })
    await publish(t, stepsOf(['a', 'b'], 4))
    await t.settled()
    expect(await effects(t)).toEqual({ a: [0, 2, 3], b: numbers(4) })
    expect([await count(t, 'parked'), await count(t, 'held_key'), await count(t, 'dead_letter')]).toEqual([0, 0, 1])
  })

  test('holds nobody when it has no key', async () => {
    let mayPass = false
    await using t = await start(({ n }) => n === 1 && !mayPass, { attempts: 1_000 })
    await publish(
      t,
      numbers(5).map((n) => ({ key: null, n })),
    )
    await expect.poll(() => effects(t)).toEqual({ none: [0, 2, 3, 4] })
    mayPass = true
    await t.settled()
    expect(await effects(t)).toEqual({ none: [0, 2, 3, 4, 1] })
  })

  test('is tried again by another process, and its followers in order', async () => {
    await using first = await start(({ key, n }) => key === 'a' && n === 2, { attempts: 1_000, backoff: () => 50 })
    await publish(first, stepsOf(['a', 'b'], 6))
    await expect.poll(() => count(first, 'parked')).toBe(4)
    await first.app.stop()
    await using second = await start(() => false, { databaseUrl: first.databaseUrl })
    await second.settled()
    expect(await effects(second)).toEqual({ a: numbers(6), b: numbers(6) })
  })

  test('costs those around it one more run at most, also where several fail', async () => {
    const isBad = ({ key }: Numbered) => Number(key?.slice(1)) % 30 === 0
    await using producer = await start(() => false, { roles: ['api'] })
    await publish(
      producer,
      numbers(300).map((n) => ({ key: `k${n}`, n })),
    )
    await using t = await start(isBad, { databaseUrl: producer.databaseUrl, attempts: 2 })
    await t.settled()
    const good = [...t.tried].filter(([name]) => !isBad({ key: name.split('/')[0] ?? '', n: 0 }))
    expect(good).toHaveLength(290)
    expect(Math.max(...good.map(([, times]) => times))).toBeLessThanOrEqual(2)
    expect(await count(t, 'dead_letter')).toBe(10)
  })

  test('costs the others of its chunk little: a poison record among 2,000 leaves no gap', async () => {
    await using t = await start(({ key, n }) => key === 'k7' && n === 10, { attempts: 2 })
    const keys = numbers(100).map((n) => `k${n}`)
    await publish(t, stepsOf(keys, 20))
    await t.settled()
    const found = await effects(t)
    expect(Object.values(found).flat()).toHaveLength(2_000 - 10)
    expect(found['k7']).toEqual(numbers(10))
    for (const key of keys.filter((one) => one !== 'k7')) expect(found[key]).toEqual(numbers(20))
  }, 60_000)
})

test('whatever fails, and how often: each record is handled once, in the order of its key, or a dead letter', async () => {
  const keys = ['a', 'b', 'c', 'd', 'e']
  const perKey = 12
  const failing = fc.dictionary(
    fc.tuple(fc.constantFrom(...keys), fc.nat(perKey - 1)).map(([key, n]) => `${key}/${n}`),
    fc.integer({ min: 1, max: 5 }),
    { maxKeys: 12 },
  )
  const run = async (times: Record<string, number>, onDeadLetter: 'hold' | 'continue', batch: number | undefined) => {
    const attempts = 4
    const fails: Misdeed = ({ key, n }, before) => before < (times[`${key}/${n}`] ?? 0) * (batch ? 3 : 2)
    await using t = await start(fails, { attempts, onDeadLetter, ...(batch && { batch }) })
    await publish(t, stepsOf(keys, perKey))
    await t.settled()
    const dead = await t.database.query<{ value: Buffer }>('SELECT value FROM millrace.dead_letter')
    const deadOnes = dead.rows.map(({ value }) => JSON.parse(value.toString()) as { key: string; n: number })
    const found = await effects(t)
    for (const key of keys) {
      const lost = deadOnes.filter((one) => one.key === key).map(({ n }) => n)
      const rest = numbers(perKey).filter((n) => !lost.includes(n))
      const expected = onDeadLetter === 'continue' ? rest : numbers(Math.min(perKey, ...lost))
      expect(found[key] ?? []).toEqual(expected)
    }
  }
  await fc.assert(fc.asyncProperty(failing, fc.constantFrom('hold', 'continue'), fc.constantFrom(undefined, 5), run), {
    numRuns: 12,
  })
}, 120_000)

test('while everything fails nothing is parked or given up; when it is well again, all is handled in order', async () => {
  let isDown = false
  // None has its second attempt before so many have had their first that the breaker opens.
  await using t = await start(() => isDown, { attempts: 2, backoff: () => 1_000 })
  const keys = numbers(50).map((n) => `k${n}`)
  await publish(t, stepsOf(keys, 1))
  await t.settled()
  isDown = true
  await publish(
    t,
    stepsOf(keys, 10).map(({ key, n }) => ({ key, n: n + 1 })),
  )
  const open = async () => (await t.http.get('/metrics')).body.match(/breaker_open\{consumer="steps"\} (\d)/)?.[1]
  await expect.poll(open, { timeout: 5_000 }).toBe('1')
  const parkedWhenOpen = await count(t, 'parked')
  // Long enough for attempts to run out, were they counted.
  await expect.poll(() => Math.max(...t.tried.values()), { timeout: 40_000 }).toBeGreaterThan(3)
  expect(await count(t, 'parked')).toBe(parkedWhenOpen)
  expect(parkedWhenOpen).toBeLessThan(50)

  isDown = false
  await expect.poll(open, { timeout: 40_000 }).toBe('0')
  await t.settled()
  const found = await effects(t)
  for (const key of keys) expect(found[key]).toEqual(numbers(11))
  expect(await count(t, 'dead_letter')).toBe(0)
}, 120_000)

test('what a former name has parked is handled by the new one', async () => {
  await using first = await start(({ key, n }) => key === 'a' && n === 1, { attempts: 1_000, backoff: () => 60_000 })
  await publish(first, stepsOf(['a', 'b'], 4))
  await expect.poll(() => count(first, 'parked')).toBe(3)
  await first.app.stop()
  await using second = await start(() => false, {
    databaseUrl: first.databaseUrl,
    consumer: { name: 'renamed', formerly: 'steps' },
  })
  await second.database.query('UPDATE millrace.parked SET due_at = now() WHERE due_at IS NOT NULL')
  await second.settled()
  expect(await effects(second)).toEqual({ a: numbers(4), b: numbers(4) })
})
