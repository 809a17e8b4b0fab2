import { decodeHeaders } from '../core/record-headers.ts'
import type { OutgoingRecord } from '../ports/broker.ts'
import type { Transaction } from '../ports/database.ts'
import { type DeadLetterRow, deadLetterColumns } from './dead-letter-filter.ts'
import { release } from './held-keys.ts'

/** What can be done about a dead letter. */
export type DeadLetterAction = 'redrive' | 'discard'

const longestDetail = 500

/** Locks dead letters until the transaction ends; those that are gone are not among them. */
export async function lockDeadLetters(transaction: Transaction, ids: readonly string[]): Promise<DeadLetterRow[]> {
  const { rows } = await transaction.query<DeadLetterRow>(
    `SELECT ${deadLetterColumns} FROM millrace.dead_letter d LEFT JOIN millrace.consumer c ON c.id = d.consumer_id
      WHERE d.id = ANY ($1::bigint[]) ORDER BY d.id FOR UPDATE OF d`,
    [ids],
  )
  return rows
}

/**
 * Brings dead letters of consumers back as parked records that are due: the consumer that gave them up handles them, and
 * no other one of their topic. One that holds its key is the head of its key again, and the later records follow it. One
 * that holds none goes alone: the later records of its key have passed already, or it never held them (it could not be
 * decoded), and to hold them now would bring back no order.
 *
 * The generation is the position's of today: what was handled again after a seek, and went well then, is in its inbox.
 */
export function parkAgain(transaction: Transaction, letters: readonly DeadLetterRow[]): void {
  transaction.send({
    text: `
      WITH gone AS (DELETE FROM millrace.dead_letter WHERE id = ANY ($1::bigint[]) RETURNING *)
      INSERT INTO millrace.parked (consumer_id, held_key_id, topic, topic_id, partition, "offset", generation, recorded_at,
                                   key, value, headers, due_at, redriven, code, reason, stack)
      SELECT g.consumer_id, g.held_key_id, g.topic, g.topic_id, g.partition, g."offset", coalesce(p.generation, 0),
             g.recorded_at, g.key, g.value, g.headers, millrace.now(), g.redriven + 1, g.code, g.reason, g.stack
        FROM gone g LEFT JOIN millrace.position p USING (consumer_id, topic_id, partition)
       ORDER BY g.id`,
    values: [letters.map(({ id }) => id)],
  })
}

/** Deletes refused publishes and answers them, in the order they were refused, to be published again. */
export async function takeRefused(
  transaction: Transaction,
  letters: readonly DeadLetterRow[],
): Promise<OutgoingRecord[]> {
  const { rows } = await transaction.query<Omit<OutgoingRecord, 'headers'> & { headers: Buffer }>(
    `WITH gone AS (DELETE FROM millrace.dead_letter WHERE id = ANY ($1::bigint[]) RETURNING *)
     SELECT topic, key, value, headers FROM gone ORDER BY id`,
    [letters.map(({ id }) => id)],
  )
  return rows.map((row) => ({ ...row, headers: decodeHeaders(row.headers) }))
}

/** Deletes dead letters, and lets the records behind them go on, as the transaction's last step. */
export async function discardAll(transaction: Transaction, letters: readonly DeadLetterRow[]): Promise<void> {
  transaction.send({
    text: 'DELETE FROM millrace.dead_letter WHERE id = ANY ($1::bigint[])',
    values: [letters.map(({ id }) => id)],
  })
  // In the order in which chunks lock keys.
  const held = letters.flatMap(({ heldKeyId }) => heldKeyId ?? []).sort((a, b) => Number(BigInt(a) - BigInt(b)))
  for (const heldKeyId of held) await release(transaction, heldKeyId)
}

/** Writes down what is done about dead letters, and who asked for it. */
export function audit(
  transaction: Transaction,
  { action, by }: { readonly action: DeadLetterAction; readonly by: string },
  letters: readonly DeadLetterRow[],
): void {
  transaction.send({
    text: `
      INSERT INTO millrace.dead_letter_audit (dead_letter_id, consumer, topic, partition, "offset", action, by, detail)
      SELECT id, consumer, topic, partition, "offset", $1, $2, detail
        FROM unnest($3::bigint[], $4::text[], $5::text[], $6::int[], $7::bigint[], $8::text[]) WITH ORDINALITY
             AS given (id, consumer, topic, partition, "offset", detail, place) ORDER BY place`,
    values: [
      action,
      by,
      letters.map(({ id }) => id),
      letters.map(({ consumer }) => consumer),
      letters.map(({ topic }) => topic),
      letters.map(({ partition }) => partition),
      letters.map(({ offset }) => offset),
      letters.map(({ code, reason }) => `${code}: ${reason}`.slice(0, longestDetail)),
    ],
  })
}
