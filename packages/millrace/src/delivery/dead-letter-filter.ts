import type { Queryable } from '../core/unit.ts'

/** Which dead letters; all that is given has to fit. */
export interface DeadLetterFilter {
  readonly ids?: readonly string[] | undefined
  /** The name of the consumer that gave up. */
  readonly consumer?: string | undefined
  /** Only refused publishes, which no consumer has given up. */
  readonly withoutConsumer?: boolean | undefined
  readonly topic?: string | undefined
  /** A part of the code or the reason, in whatever case. */
  readonly reason?: string | undefined
  /** When they were given up: from this time on, in milliseconds since 1970. */
  readonly since?: number | undefined
  /** Before this time. */
  readonly until?: number | undefined
  /** Only those that later records of their key wait for. */
  readonly held?: boolean | undefined
}

/** A part of the dead letters, in the order of their ids. */
export interface DeadLetterRange {
  /** Only those with a greater id. */
  readonly after: string
  /** None with a greater id. */
  readonly upTo?: string | undefined
  readonly limit: number
}

/** What is known of a dead letter without its bytes. */
export interface DeadLetterRow {
  readonly id: string
  readonly consumerId: number | null
  readonly consumer: string | null
  readonly topic: string
  readonly partition: number | null
  readonly offset: string | null
  readonly key: Buffer | null
  /** Bytes of its value. */
  readonly size: number
  readonly code: string
  readonly reason: string
  readonly attempts: number
  readonly redriven: number
  readonly heldKeyId: string | null
  readonly recordedAt: Date
  readonly failedAt: Date
}

/** The columns of a {@link DeadLetterRow}, of `d` and its consumer `c`. */
export const deadLetterColumns = `d.id::text AS id, d.consumer_id AS "consumerId", c.name AS consumer, d.topic, d.partition,
  d."offset"::text AS "offset", d.key, coalesce(octet_length(d.value), 0) AS size, d.code, d.reason, d.attempts, d.redriven,
  d.held_key_id::text AS "heldKeyId", d.recorded_at AS "recordedAt", d.failed_at AS "failedAt"`

const select = `
  SELECT ${deadLetterColumns}
    FROM millrace.dead_letter d LEFT JOIN millrace.consumer c ON c.id = d.consumer_id
   WHERE d.id > $1 AND ($2::bigint IS NULL OR d.id <= $2)
     AND ($3::bigint[] IS NULL OR d.id = ANY ($3))
     AND ($4::text IS NULL OR c.name = $4)
     AND (NOT $5::boolean OR d.consumer_id IS NULL)
     AND ($6::text IS NULL OR d.topic = $6)
     AND ($7::text IS NULL OR strpos(lower(d.code || ' ' || d.reason), lower($7)) > 0)
     AND ($8::float8 IS NULL OR d.failed_at >= to_timestamp($8 / 1000))
     AND ($9::float8 IS NULL OR d.failed_at < to_timestamp($9 / 1000))
     AND (NOT $10::boolean OR d.held_key_id IS NOT NULL)
   ORDER BY d.id LIMIT $11`

/** The first dead letters of a range that fit a filter, oldest first. */
export async function selectDeadLetters(
  connection: Queryable,
  filter: DeadLetterFilter,
  { after, upTo, limit }: DeadLetterRange,
): Promise<DeadLetterRow[]> {
  const { ids, consumer, withoutConsumer = false, topic, reason, since, until, held = false } = filter
  const range = [after, upTo ?? null]
  const which = [ids ?? null, consumer ?? null, withoutConsumer, topic ?? null, reason ?? null]
  const when = [since ?? null, until ?? null]
  // Without a name: it is planned for what was asked.
  const { rows } = await connection.query<DeadLetterRow>(select, [...range, ...which, ...when, held, limit])
  return rows
}

/** The id of the dead letter that was made last; `'0'` where there is none. */
export async function latestDeadLetter(connection: Queryable): Promise<string> {
  const { rows } = await connection.query<{ id: string }>(
    'SELECT coalesce(max(id), 0)::text AS id FROM millrace.dead_letter',
  )
  return rows[0]?.id ?? '0'
}
