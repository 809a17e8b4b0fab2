import { hash } from 'node:crypto'
import { type Consumer, defineModule, defineTopic, type Module } from 'millrace'
import pg from 'pg'
import * as z from 'zod'
import type { Round } from '../harness/definition.ts'
import { createBenchApp } from './bench-app.ts'
import { partitions } from './kafka.ts'

/** An event of the benches: as JSON about 100 bytes. */
export const payment = z.object({ n: z.int(), id: z.uuid(), account: z.string(), amount: z.int() })

/** See {@link payment}. */
export type Payment = z.infer<typeof payment>

/** The topic that drains read. */
export type PaymentsTopic = ReturnType<typeof paymentsTopic>

/** The topic that the drains of a round read; direct, as nothing but its log is of interest. */
export function paymentsTopic({ kafka }: Round) {
  return defineTopic(`${kafka?.prepared ?? ''}bench.payments`, {
    key: (event) => event.data.account,
    events: { PaymentMade: payment },
    publish: 'direct',
    partitions,
  })
}

/** How many payments are under way at a time while the log is filled. */
const atATime = 5_000
const accounts = 10_000

/** The module of the drains. Without consumers it only publishes. */
export function paymentsModule(topic: PaymentsTopic, consumers: readonly Consumer[] = []): Module {
  return defineModule({ name: 'payments', topics: [topic], consumers })
}

/** Fills the log with payments, and makes the table they go to. */
export async function fillLog(round: Round): Promise<void> {
  const { url, records } = round
  const topic = paymentsTopic(round)
  const app = createBenchApp(round, paymentsModule(topic))
  await app.start()
  for (let first = 0; first < records; first += atATime) {
    const piece = Array.from({ length: Math.min(atATime, records - first) }, (_, index) => paymentOf(first + index))
    await Promise.all(piece.map((data) => app.millrace.publish(topic.events.PaymentMade(data, { id: data.id }))))
  }
  await app.stop()
  await withClient(url, async (client) => {
    await client.query('CREATE TABLE payment (n bigint PRIMARY KEY, id uuid NOT NULL, account text, amount int)')
    await client.query('VACUUM ANALYZE')
  })
}

/** Work on a connection of its own. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** The nth payment, the same in each run. */
export function paymentOf(n: number): Payment {
  const hex = hash('md5', `payment ${n}`, 'hex')
  // A version 4 UUID, the same in each run.
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`
  return { n, id, account: `account-${n % accounts}`, amount: n % 1_000 }
}
