import { decodeHeaders } from '../core/record-headers.ts'
import type { Queryable } from '../core/unit.ts'
import type { BrokerRecord } from '../ports/broker.ts'
import type { Transaction } from '../ports/database.ts'
import { describeFailure, writeDeadLetters } from './dead-letters.ts'
import { release } from './held-keys.ts'
import type { Verdict } from './parking.ts'

/** A parked record. */
export interface ParkedRow {
  readonly id: string
  readonly consumerId: number
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly generation: number
  /** The key it is parked for; null for a record without one. */
  readonly heldKeyId: string | null
  /** How often it was handled. */
  readonly attempts: number
  readonly redriven: number
  readonly record: BrokerRecord
}

/** The records of a key, the head first, as many as go in one transaction. */
export interface ParkedLine {
  readonly head: ParkedRow
  readonly rows: readonly ParkedRow[]
}

interface Row extends Omit<ParkedRow, 'record'> {
  readonly offset: string
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Buffer
}

const columns = `p.id::text AS id, p.consumer_id AS "consumerId", p.topic, p.topic_id AS "topicId", p.partition, p.generation,
  p.held_key_id::text AS "heldKeyId", p.attempts, p.redriven, p."offset"::text AS "offset",
  extract(epoch FROM p.recorded_at)::float8 * 1000 AS timestamp, p.key, p.value, p.headers`

const head = `
    SELECT * FROM millrace.parked
     WHERE consumer_id = $1 AND topic = ANY ($3) AND due_at <= millrace.now()
     ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED`

const dueLine = (head: string) => `
  WITH head AS (${head})
  SELECT ${columns} FROM (
    SELECT *, 0 AS rank FROM head
    UNION ALL
    (SELECT f.*, 1 FROM millrace.parked f JOIN head ON f.held_key_id = head.held_key_id AND f.id <> head.id
      ORDER BY f.id LIMIT $2)) AS p
   ORDER BY p.rank, p.id`

const find = { name: 'millrace_parked_due', text: dueLine(head) }

/** How long a head that is taken on lease is nobody else's, unless the lease is renewed. */
const leaseMs = 30_000
/** How often a lease is to be renewed. */
export const renewLeaseMs = 10_000
const leased = `millrace.now() + ${leaseMs} * interval '1 millisecond'`

const take = {
  name: 'millrace_parked_take',
  text: dueLine(`
    UPDATE millrace.parked SET due_at = ${leased} WHERE id = (SELECT id FROM (${head}) AS due) RETURNING *`),
}

/** What is looked for among the parked records. */
export interface DueOptions {
  readonly consumerId: number
  /** The topics it has now: what was parked of others waits until it has them again. */
  readonly topics: readonly string[]
  /** How many records of the key at most. */
  readonly most: number
  /** Whether the head is taken on lease: for work that begins outside of any transaction. */
  readonly isLeased: boolean
}

/**
 * The key whose head has been due for longest and that nobody is busy with, and how long until the next is due, in
 * milliseconds, where none is.
 */
export async function findDue(
  connection: Queryable,
  { consumerId, topics, most, isLeased }: DueOptions,
): Promise<{ readonly line?: ParkedLine; readonly nextInMs?: number | undefined }> {
  const { rows } = await connection.query<Row>({
    ...(isLeased ? take : find),
    values: [consumerId, most - 1, topics],
  })
  const parked = rows.map(toParkedRow)
  const [head] = parked
  if (head) return { line: { head, rows: untilSeek(parked, head) } }
  const next = await connection.query<{ ms: number | null }>({
    name: 'millrace_parked_next',
    text: `SELECT extract(epoch FROM min(due_at) - millrace.now())::float8 * 1000 AS ms FROM millrace.parked
            WHERE consumer_id = $1 AND topic = ANY ($2) AND due_at > millrace.now()`,
    values: [consumerId, topics],
  })
  return { nextInMs: next.rows[0]?.ms ?? undefined }
}

/** Message ids are claimed for one generation: those parked after a seek go by themselves. */
function untilSeek(rows: readonly ParkedRow[], { generation }: ParkedRow): readonly ParkedRow[] {
  const seek = rows.findIndex((row) => row.generation !== generation)
  return seek < 0 ? rows : rows.slice(0, seek)
}

/** Keeps a head that was taken on lease. */
export async function renewLease(connection: Queryable, { id, attempts }: ParkedRow): Promise<void> {
  await connection.query({
    name: 'millrace_parked_renew',
    text: `UPDATE millrace.parked SET due_at = ${leased} WHERE id = $1 AND attempts = $2 AND due_at IS NOT NULL`,
    values: [id, attempts],
  })
}

/** Gives a head back that was taken on lease: it is due for whoever looks next. */
export async function giveBack(connection: Queryable, { id, attempts }: ParkedRow): Promise<void> {
  await connection.query({
    name: 'millrace_parked_back',
    text: `UPDATE millrace.parked SET due_at = millrace.now() WHERE id = $1 AND attempts = $2 AND due_at IS NOT NULL`,
    values: [id, attempts],
  })
}

/** Locks a head until the transaction ends; false when it is gone, or another process has it. */
export async function lockHead(transaction: Transaction, { id, attempts }: ParkedRow): Promise<boolean> {
  const { rowCount } = await transaction.query({
    name: 'millrace_parked_lock',
    text: `SELECT FROM millrace.parked WHERE id = $1 AND attempts = $2 AND due_at IS NOT NULL FOR UPDATE SKIP LOCKED`,
    values: [id, attempts],
  })
  return rowCount === 1
}

/** Removes records that have been handled. */
export function removeParked(transaction: Transaction, rows: readonly ParkedRow[]): void {
  transaction.send({
    name: 'millrace_parked_delete',
    text: 'DELETE FROM millrace.parked WHERE id = ANY ($1::bigint[])',
    values: [rows.map(({ id }) => id)],
  })
}

/**
 * Writes down that a head has failed: when it is tried next, or that it is a dead letter now. False when another process
 * has it.
 */
export async function failHead(
  transaction: Transaction,
  head: ParkedRow,
  verdict: Verdict,
  holdsDead: boolean,
): Promise<boolean> {
  if (!(await lockHead(transaction, head))) return false
  if (verdict.waitMs !== undefined) {
    const { code, reason, stack } = describeFailure(verdict.error)
    transaction.send({
      name: 'millrace_parked_failed',
      text: `UPDATE millrace.parked SET attempts = $2, due_at = millrace.now() + $3 * interval '1 millisecond',
                    code = $4, reason = $5, stack = $6 WHERE id = $1`,
      values: [head.id, verdict.attempts, verdict.waitMs, code, reason, stack],
    })
    return true
  }
  const holds = holdsDead && head.heldKeyId !== null
  writeDeadLetters(transaction, head, [
    { ...verdict, record: head.record, redriven: head.redriven, heldKeyId: holds ? head.heldKeyId : null },
  ])
  removeParked(transaction, [head])
  if (head.heldKeyId !== null && !holds) await release(transaction, head.heldKeyId)
  return true
}

/** What a consumer has parked. */
export async function countParked(
  connection: Queryable,
  consumerId: number,
): Promise<{ readonly rows: number; readonly bytes: number }> {
  const { rows } = await connection.query<{ rows: number; bytes: number }>({
    name: 'millrace_parked_count',
    text: `SELECT count(*)::int AS rows, coalesce(sum(coalesce(octet_length(value), 0) + octet_length(headers)), 0)::float8 AS bytes
             FROM millrace.parked WHERE consumer_id = $1`,
    values: [consumerId],
  })
  return rows[0] ?? { rows: 0, bytes: 0 }
}

function toParkedRow({ offset, timestamp, key, value, headers, ...row }: Row): ParkedRow {
  return { ...row, record: { offset: Number(offset), timestamp, key, value, headers: decodeHeaders(headers) } }
}
