import { createHash } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { defineSchedule, fail } from 'millrace'
import type { AppDatabase } from '../../database.ts'
import type { Order, OrderRequest } from './order.ts'

const kept = sql`interval '24 hours'`
/** So many keys go at a time, once a minute. */
const mostSwept = 50_000

/** A creation whose answer is to be the same however often it is asked for. */
interface KeyedRequest {
  readonly key: string
  readonly request: OrderRequest
  /** Of the order that is made if the key is new. */
  readonly id: string
}

/**
 * Claims a key for a creation; of several at the same time, the first, and the others wait for it.
 *
 * @returns what the key's creation was answered with, where there was one within 24 hours
 * @throws IDEMPOTENCY_KEY_REUSED when it was another request
 */
export async function claimKey(db: AppDatabase, { key, request, id }: KeyedRequest): Promise<Order | undefined> {
  const hash = createHash('sha256')
    .update(JSON.stringify([request.item, request.quantity]))
    .digest()
  const expired = sql`k.created_at <= millrace.now() - ${kept}`
  const [row] = await db.execute<{ id: string; is_same: boolean; created_at: Date }>(sql`
    INSERT INTO orders.idempotency_key AS k (key, request, order_id) VALUES (${key}, ${hash}, ${id})
        ON CONFLICT (key) DO UPDATE
       SET request = CASE WHEN ${expired} THEN excluded.request ELSE k.request END,
           order_id = CASE WHEN ${expired} THEN excluded.order_id ELSE k.order_id END,
           created_at = CASE WHEN ${expired} THEN excluded.created_at ELSE k.created_at END
    RETURNING order_id AS id, request = ${hash} AS is_same, created_at`)
  if (!row || row.id === id) return undefined
  if (!row.is_same) throw fail('IDEMPOTENCY_KEY_REUSED', {})
  const at = new Date(row.created_at).toISOString()
  return { id: row.id, ...request, status: 'CREATED', version: 1, created_at: at, updated_at: at }
}

/** Removes keys that are older than 24 hours. */
export const sweepKeys = defineSchedule('orders-sweep-keys', {
  every: '1m',
  run: async ({ db }) => {
    const expired = sql`created_at <= millrace.now() - ${kept}`
    await db.execute(sql`
      DELETE FROM orders.idempotency_key
       WHERE ${expired}
         AND key IN (SELECT key FROM orders.idempotency_key WHERE ${expired} ORDER BY created_at LIMIT ${mostSwept})`)
  },
})
