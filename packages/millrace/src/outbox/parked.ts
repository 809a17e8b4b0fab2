import { codeOf } from '../core/errors.ts'
import { encodeHeaders } from '../core/record-headers.ts'
import type { Queryable } from '../core/unit.ts'
import type { Transaction } from '../ports/database.ts'
import type { ParkedRecord } from './outcome.ts'
import { type OutboxRecord, type OutboxRow, type PieceBounds, type RelayPosition, recordOf } from './position.ts'

const insert = `
  INSERT INTO millrace.outbox_parked (lane, topic, seq, key, value, headers, created_at, reason)
  SELECT $1, topic, seq, key, value, headers, created_at, reason
    FROM unnest($2::text[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[], $7::timestamptz[], $8::text[])
         AS r (topic, seq, key, value, headers, created_at, reason)`

/** Parks what was not taken; together with the position that moves past it. */
export function parkRecords(transaction: Transaction, lane: string, parked: readonly ParkedRecord[]): void {
  if (parked.length === 0) return
  transaction.send({
    name: 'millrace_relay_park',
    text: insert,
    values: [
      lane,
      parked.map(({ record }) => record.topic),
      parked.map(({ record }) => record.seq),
      parked.map(({ record }) => record.key),
      parked.map(({ record }) => record.value),
      parked.map(({ record }) => encodeHeaders(record.headers)),
      parked.map(({ record }) => record.createdAt),
      parked.map(({ error }) => (error ? codeOf(error) : null)),
    ],
  })
}

/** Removes what has been taken, or is a dead letter, from a topic's parked rows. */
export function unparkRecords(
  transaction: Transaction,
  { lane, topic }: ParkedTopic,
  records: readonly OutboxRecord[],
): void {
  if (records.length === 0) return
  // Without a name it is planned for the table as it is.
  transaction.send({
    text: 'DELETE FROM millrace.outbox_parked WHERE lane = $1 AND topic = $2 AND seq = ANY ($3::bigint[])',
    values: [lane, topic, records.map(({ seq }) => seq)],
  })
}

/** Which rows. */
export interface ParkedTopic {
  readonly lane: string
  readonly topic: string
}

/** What to read of a topic's parked rows. */
export interface ParkedRange extends ParkedTopic {
  /** From this place on; what lies before it has been taken. */
  readonly from: bigint
  readonly bounds: PieceBounds
}

const read = `
  SELECT p.seq::text AS seq, $2::text AS topic, p.key, p.value, p.headers, p.created_at::text AS "createdAt"
    FROM millrace.relay r LEFT JOIN millrace.outbox_parked_piece($1, $2, $3, $4, $5) p ON true
   WHERE r.lane = $1 AND r.version = $6 AND r.ctid = $7::tid
   ORDER BY p.seq`

/**
 * A topic's next parked rows; undefined when somebody else has moved the position. The two are one question: to begin at
 * `from` spares a scan of those that were deleted before (under a long snapshot elsewhere, all of them), and only who
 * leads may know it. Another leader may have parked rows that come before.
 */
export async function readParked(
  connection: Queryable,
  { version, ctid }: RelayPosition,
  { lane, topic, from, bounds }: ParkedRange,
): Promise<OutboxRecord[] | undefined> {
  const { rows } = await connection.query<OutboxRow | { readonly seq: null }>({
    name: 'millrace_relay_parked',
    text: read,
    values: [lane, topic, String(from), bounds.rows, bounds.bytes, version, ctid],
  })
  if (rows.length === 0) return undefined
  return rows.flatMap((row) => (row.seq === null ? [] : [recordOf(row)]))
}

/** The topics with parked rows, however many rows they have: one look at the index for each. */
export async function parkedTopics(connection: Queryable, lane: string): Promise<string[]> {
  const { rows } = await connection.query<{ topic: string }>(
    `WITH RECURSIVE parked AS (
       (SELECT topic FROM millrace.outbox_parked WHERE lane = $1 ORDER BY topic LIMIT 1)
       UNION ALL
       SELECT (SELECT o.topic FROM millrace.outbox_parked o
                WHERE o.lane = $1 AND o.topic > parked.topic ORDER BY o.topic LIMIT 1)
         FROM parked WHERE parked.topic IS NOT NULL)
     SELECT topic FROM parked WHERE topic IS NOT NULL`,
    [lane],
  )
  return rows.map(({ topic }) => topic)
}
