import { setTimeout as delay } from 'node:timers/promises'
import { defineModule, defineTopic, type Millrace } from 'millrace'
import type pg from 'pg'
import * as z from 'zod'
import type { BenchCase, Result, Round } from '../harness/definition.ts'
import { quantile } from '../harness/statistics.ts'
import { createBenchApp } from '../parts/bench-app.ts'
import { withClient } from '../parts/payments.ts'

/** For each timer that fires at once, so many wait all along; and of so many, one fires at a steady rate. */
const pendingShare = 10
const steadyShare = 10
const steadyPerSecond = 1_000
/** How fast timers are set at least. */
const leastSetPerSecond = 4_000
/** How many timers a unit of work sets. */
const perUnit = 1_000
/** How long the last timer may take. */
const patienceMs = 120_000
const hour = 3_600_000

const due = z.object({ group: z.enum(['pending', 'steady', 'burst']), n: z.int(), at: z.number() })
const dues = defineTopic('bench.due', { key: ({ data }) => String(data.n % 1_000), events: { Due: due } })
const module = defineModule({ name: 'dues', topics: [dues] })

/** Timers, with a million of them pending. */
export const timers: BenchCase = {
  name: 'timers',
  question: `How late are timers at ${steadyPerSecond}/s, and how fast do they fire that are due at once, among ten times as many pending?`,
  records: 100_000,
  rounds: 3,
  prepare: async (round) => {
    const app = createBenchApp(round, module, { roles: ['api'] })
    await app.start()
    // Over the next weeks: so that the index has them everywhere.
    await setTimers(app.millrace, 'pending', round.records * pendingShare, (n) => Date.now() + hour + n * 1_000)
    await app.stop()
    await withClient(round.url, (client) => client.query('VACUUM ANALYZE'))
  },
  metrics: [
    { name: 'p50', unit: 'ms late at the steady rate' },
    { name: 'p99', unit: 'ms late at the steady rate', atMost: 200 },
    { name: 'rate', unit: 'timers/s that are due at once' },
    { name: 'per 1,000', unit: 'ms of these', atMost: 100 },
  ],
  sides: {
    alone: { isMillrace: true, run: measure },
    'snapshot held': { isMillrace: true, run: measureUnderSnapshot },
  },
}

async function measureUnderSnapshot(round: Round): Promise<Result> {
  return withClient(round.url, async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await client.query('SELECT count(*) FROM millrace.timer')
    const result = await measure(round)
    await client.query('COMMIT')
    return result
  })
}

async function measure(round: Round): Promise<Result> {
  const app = createBenchApp(round, module, { roles: ['worker'] })
  await app.start()
  try {
    return await withClient(round.url, async (client) => {
      const burst = await fireBurst(app.millrace, client, round.records)
      const steady = await fireSteadily(app.millrace, client, Math.ceil(round.records / steadyShare))
      return {
        values: { ...steady, rate: 1_000 / (burst / round.records), 'per 1,000': (1_000 * burst) / round.records },
      }
    })
  } finally {
    await app.stop()
  }
}

/** Sets timers that are all due at one moment; answers how long after it the last one was in the outbox, in milliseconds. */
async function fireBurst(millrace: Millrace, client: pg.Client, count: number): Promise<number> {
  const at = Date.now() + 1_000 + (count * 1_000) / leastSetPerSecond
  await setTimers(millrace, 'burst', count, () => at)
  if (Date.now() > at) throw new Error('the timers were due before all of them were set')
  return (await lateness(client, 'burst', count)).reduce((latest, ms) => Math.max(latest, ms))
}

/** Sets timers that are due one after the other; answers how late they were. */
async function fireSteadily(millrace: Millrace, client: pg.Client, count: number): Promise<Record<string, number>> {
  const start = Date.now() + 2_000
  await setTimers(millrace, 'steady', count, (n) => start + (n * 1_000) / steadyPerSecond)
  const late = (await lateness(client, 'steady', count)).sort((a, b) => a - b)
  return { p50: quantile(late, 0.5), p99: quantile(late, 0.99) }
}

async function setTimers(
  millrace: Millrace,
  group: z.infer<typeof due>['group'],
  count: number,
  dueAt: (n: number) => number,
): Promise<void> {
  for (let first = 0; first < count; first += perUnit) {
    await millrace.transaction(async (unit) => {
      for (let n = first; n < Math.min(count, first + perUnit); n += 1) {
        const at = dueAt(n)
        unit.publishAfter(new Date(at), dues.events.Due({ group, n, at }), { name: `${group} ${n}` })
      }
    })
  }
}

/** Waits until all of a group are in the outbox, and answers how long after it was due each of them came there. */
async function lateness(client: pg.Client, group: string, count: number): Promise<number[]> {
  const fired = `SELECT * FROM (SELECT created_at, convert_from(value, 'UTF8')::json AS data
                                  FROM millrace.outbox WHERE topic = 'bench.due') o WHERE data->>'group' = $1`
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await delay(250)) {
    const { rows } = await client.query(`SELECT FROM millrace.timer WHERE name LIKE $1 || '%' LIMIT 1`, [group])
    if (rows.length > 0) continue
    const { rows: late } = await client.query<{ ms: number }>(
      `SELECT (extract(epoch FROM created_at) * 1000)::float8 - (data->>'at')::float8 AS ms FROM (${fired}) f`,
      [group],
    )
    if (late.length !== count) throw new Error(`of ${count} timers ${late.length} have fired`)
    return late.map(({ ms }) => ms)
  }
  throw new Error(`the timers of ${group} have not fired within ${patienceMs} ms`)
}
