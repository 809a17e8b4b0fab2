import { type Consumer, defineConsumer } from 'millrace'
import type { Progress } from './drain.ts'
import type { PaymentsTopic } from './payments.ts'

/** One statement a payment. */
export const insertOne = {
  name: 'insert_payment',
  text: 'INSERT INTO payment (n, id, account, amount) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
}

/** One statement for many payments. */
export const insertMany = {
  name: 'insert_payments',
  text: `INSERT INTO payment (n, id, account, amount)
         SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::int[]) ON CONFLICT DO NOTHING`,
}

/** How many records a batch, or a transaction by hand, takes. */
export const batchSize = 500

/** Writes payments one by one. */
export function insertEach(topic: PaymentsTopic, progress: Progress): Consumer {
  return defineConsumer({
    name: 'insert-each',
    topic,
    on: {
      PaymentMade: async ({ data: { n, id, account, amount } }, unit) => {
        progress.take()
        await unit.db.query({ ...insertOne, values: [n, id, account, amount] })
      },
    },
  })
}

/** Writes payments one by one; one in a thousand fails twice before it succeeds. */
export function insertEachFailing(topic: PaymentsTopic, progress: Progress): Consumer {
  const failures = new Map<number, number>()
  // A chunk that fails is passed again: each record counts once.
  const taken = new Set<number>()
  return defineConsumer({
    name: 'insert-each-failing',
    topic,
    retry: { backoff: () => 20 },
    on: {
      PaymentMade: async ({ data: { n, id, account, amount } }, unit) => {
        const failed = failures.get(n) ?? 0
        if (isOneInThousand(id) && failed < 2) {
          failures.set(n, failed + 1)
          throw new Error('not yet')
        }
        if (!taken.has(n)) progress.take()
        taken.add(n)
        await unit.db.query({ ...insertOne, values: [n, id, account, amount] })
      },
    },
  })
}

/** By its random id: `n` also decides the account, and with it the partition. */
function isOneInThousand(id: string): boolean {
  return Number.parseInt(id.slice(0, 8), 16) % 1_000 === 0
}

/** Writes payments in batches. */
export function insertBatches(topic: PaymentsTopic, progress: Progress): Consumer {
  return defineConsumer({
    name: 'insert-batches',
    topic,
    batch: {
      size: batchSize,
      handle: async (events, unit) => {
        progress.take(events.length)
        await unit.db.query({ ...insertMany, values: columns(events.map(({ data }) => data)) })
      },
    },
  })
}

/** The parameters of {@link insertMany}. */
export function columns(
  rows: readonly { readonly n: number; readonly id: string; readonly account: string; readonly amount: number }[],
): unknown[][] {
  return [
    rows.map(({ n }) => n),
    rows.map(({ id }) => id),
    rows.map(({ account }) => account),
    rows.map(({ amount }) => amount),
  ]
}
