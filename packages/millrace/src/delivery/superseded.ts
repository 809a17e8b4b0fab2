import type { Queryable } from '../core/unit.ts'
import type { Transaction } from '../ports/database.ts'
import type { Target } from './seek-positions.ts'

/** A consumer's records of one topic. */
export interface ConsumedRecords {
  readonly consumerId: number
  readonly topicId: string
}

const given = 'unnest($3::int[], $4::bigint[]) AS given (partition, "offset")'
const fits = 'r.consumer_id = $1 AND r.topic_id = $2 AND r.partition = given.partition AND r."offset" >= given."offset"'

/**
 * Clears the way for records that a consumer comes to again. Those parked from the targets on are dropped; dead letters
 * from there on stay, and no key waits for them any more. What lies below has not been handled and is not come to again: it
 * stays parked, or a dead letter that its key waits for, and the later records of its key wait behind it.
 *
 * To be called behind the lock of the positions, as chunks take theirs. Answers how many records were dropped.
 */
export async function clearSuperseded(
  transaction: Transaction,
  records: ConsumedRecords,
  targets: readonly Target[],
): Promise<number> {
  const values = valuesOf(records, targets)
  // Heads first, and in order: whoever retries a line holds its head.
  await transaction.query(
    `SELECT FROM millrace.parked r, ${given} WHERE ${fits} AND r.due_at IS NOT NULL ORDER BY r.id FOR UPDATE OF r`,
    values,
  )
  const { rows: parked } = await transaction.query<{ key: string | null }>(
    `DELETE FROM millrace.parked r USING ${given} WHERE ${fits} RETURNING r.held_key_id::text AS key`,
    values,
  )
  const { rows: dead } = await transaction.query<{ key: string }>(
    `WITH held AS (SELECT r.id, r.held_key_id AS key FROM millrace.dead_letter r, ${given}
                    WHERE ${fits} AND r.held_key_id IS NOT NULL ORDER BY r.id FOR UPDATE OF r)
     UPDATE millrace.dead_letter d SET held_key_id = NULL FROM held WHERE d.id = held.id RETURNING held.key::text AS key`,
    values,
  )
  await letGo(transaction, [...new Set([...parked, ...dead].flatMap(({ key }) => key ?? []))])
  return parked.length
}

/** How many parked records {@link clearSuperseded} would drop. */
export async function countSuperseded(
  connection: Queryable,
  records: ConsumedRecords,
  targets: readonly Target[],
): Promise<number> {
  const { rows } = await connection.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM millrace.parked r, ${given} WHERE ${fits}`,
    valuesOf(records, targets),
  )
  return rows[0]?.count ?? 0
}

function valuesOf({ consumerId, topicId }: ConsumedRecords, targets: readonly Target[]): unknown[] {
  return [consumerId, topicId, targets.map(({ partition }) => partition), targets.map(({ offset }) => offset)]
}

/** Lets go of keys that nothing waits for any more; where something does, it is due, unless a dead letter is ahead of it. */
async function letGo(transaction: Transaction, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return
  await transaction.query('SELECT FROM millrace.held_key WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE', [keys])
  transaction.send({
    text: `
      UPDATE millrace.parked SET due_at = millrace.now()
       WHERE id IN (SELECT min(p.id) FROM millrace.parked p
                     WHERE p.held_key_id = ANY ($1::bigint[])
                       AND NOT EXISTS (SELECT FROM millrace.dead_letter d WHERE d.held_key_id = p.held_key_id)
                     GROUP BY p.held_key_id HAVING bool_and(p.due_at IS NULL))`,
    values: [keys],
  })
  transaction.send({
    text: `
      DELETE FROM millrace.held_key k
       WHERE k.id = ANY ($1::bigint[])
         AND NOT EXISTS (SELECT FROM millrace.parked p WHERE p.held_key_id = k.id)
         AND NOT EXISTS (SELECT FROM millrace.dead_letter d WHERE d.held_key_id = k.id)`,
    values: [keys],
  })
}
