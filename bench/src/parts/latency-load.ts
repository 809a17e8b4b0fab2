import { setTimeout as delay } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import pg from 'pg'
import type { Result } from '../harness/definition.ts'
import { quantile } from '../harness/statistics.ts'

/** What the load is told. */
export interface LoadOrder {
  /** Of the database. */
  readonly databaseUrl: string
  /** Where each request is posted to. */
  readonly requestUrl: string
  readonly requests: number
  readonly requestsPerSecond: number
}

/** How long the last rows may take. */
const patienceMs = 30_000

parentPort?.postMessage(await load(workerData as LoadOrder))

/**
 * Posts at a steady rate, whether or not the ones before were answered, and notes for each request when its row can be
 * seen. A trigger notifies of every row; PostgreSQL sends notifications when the transaction is committed and visible.
 */
async function load({ databaseUrl, requestUrl, requests, requestsPerSecond }: LoadOrder): Promise<Result> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  const begun = new Map<number, number>()
  const took: number[] = []
  client.on('notification', ({ payload }) => {
    const at = begun.get(Number(payload))
    if (at !== undefined) took.push(performance.now() - at)
    begun.delete(Number(payload))
  })
  await client.query('LISTEN seen')
  const answers: Promise<void>[] = []
  const start = performance.now()
  for (let n = 0; n < requests; n += 1) {
    const wait = start + (n * 1_000) / requestsPerSecond - performance.now()
    if (wait > 0) await delay(wait)
    begun.set(n, performance.now())
    answers.push(post(requestUrl, n))
  }
  await Promise.all(answers)
  for (const deadline = performance.now() + patienceMs; begun.size > 0 && performance.now() < deadline; )
    await delay(10)
  const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM seen')
  await client.end()
  if (begun.size > 0 || Number(rows[0]?.count) !== requests) {
    throw new Error(`of ${requests} rows ${rows[0]?.count} are there, and ${begun.size} were not notified of`)
  }
  const sorted = took.toSorted((a, b) => a - b)
  return { values: { p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), p99: quantile(sorted, 0.99) } }
}

async function post(url: string, n: number): Promise<void> {
  const body = JSON.stringify({ n })
  const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  await response.arrayBuffer()
  if (response.status !== 202) throw new Error(`the app answered ${response.status}`)
}
