import type { LightMyRequestResponse } from 'fastify'
import { type Consumer, defineConsumer } from '../core/consumer.ts'
import { type TestApp, type TestAppOptions, testApp } from '../testing/index.ts'
import { Step, steps, stepsModule } from './steps.fixture.ts'

/** What operators of these tests bear. */
export const adminToken = 'of the operators'.replaceAll(' ', '-')

/** Which steps fail, until they are taken out. */
export type Failing = Set<string>

/** A consumer that writes a row for each step it handles, and fails at some. */
export function stepsConsumer(
  name: string,
  failing: Failing,
  options: { readonly onDeadLetter?: 'hold' | 'continue'; readonly attempts?: number } = {},
): Consumer {
  const { attempts = 2, onDeadLetter = 'hold' } = options
  return defineConsumer({
    name,
    topic: steps,
    retry: { attempts, backoff: () => 1 },
    onDeadLetter,
    on: {
      Step: async ({ data: { key, n } }, unit) => {
        await unit.db.query('INSERT INTO effect (consumer, key, n) VALUES ($1, $2, $3)', [name, key, n])
        if (failing.has(`${key}/${n}`)) throw new Error(`${key}/${n} fails`)
      },
    },
  })
}

/** An app with such consumers. */
export async function startSteps(
  consumers: readonly Consumer[],
  options: Partial<TestAppOptions> = {},
): Promise<TestApp> {
  const http = { host: '127.0.0.1', port: 0, adminToken }
  const t = await testApp({ modules: [stepsModule(...consumers)], topicPartitions: 1, http, ...options })
  await t.database.query(
    `CREATE TABLE IF NOT EXISTS effect
       (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, consumer text NOT NULL, key text NOT NULL, n int NOT NULL)`,
  )
  return t
}

/** Publishes steps `from` to `to`, excluded, of each key, in turns. */
export async function publishSteps(t: TestApp, keys: readonly string[], from: number, to: number): Promise<void> {
  await t.millrace.transaction(async (unit) => {
    for (let n = from; n < to; n += 1) unit.publish(...keys.map((key) => Step({ key, n })))
  })
}

/** The numbers of the steps that a consumer has handled, by key, in order. */
export async function effectsOf(t: TestApp, consumer: string): Promise<Record<string, number[]>> {
  const { rows } = await t.database.query<{ key: string; n: number }>(
    'SELECT key, n FROM effect WHERE consumer = $1 ORDER BY id',
    [consumer],
  )
  const byKey = Object.groupBy(rows, ({ key }) => key)
  return Object.fromEntries(Object.entries(byKey).map(([key, found = []]) => [key, found.map(({ n }) => n)]))
}

/** Requests that bear the operators' token. */
export function adminOf(t: TestApp) {
  const headers = { authorization: `Bearer ${adminToken}` }
  return {
    get: (path: string): Promise<LightMyRequestResponse> =>
      t.http.request({ method: 'GET', url: `/admin${path}`, headers }),
    post: (path: string, payload?: object): Promise<LightMyRequestResponse> =>
      t.http.request({ method: 'POST', url: `/admin${path}`, headers, ...(payload && { payload }) }),
  }
}

/** How many rows a table of delivery has. */
export async function countOf(t: TestApp, table: 'parked' | 'held_key' | 'dead_letter'): Promise<number> {
  const { rows } = await t.database.query<{ count: number }>(`SELECT count(*)::int AS count FROM millrace.${table}`)
  return rows[0]?.count ?? 0
}

/** Whole numbers from 0. */
export function numbers(length: number): number[] {
  return Array.from({ length }, (_, n) => n)
}
