import { fail } from '../core/errors.ts'
import type { Queryable } from '../core/unit.ts'
import type { LogRange, TopicDescription } from '../ports/broker.ts'
import type { Transaction } from '../ports/database.ts'

/** Whose position, and where. */
export interface PositionKey {
  readonly consumerId: number
  /** The name of the broker that the topic is on. */
  readonly broker: string
  readonly topic: string
  readonly topicId: string
  readonly partition: number
}

/** A consumer's position in a partition, as last read or moved by this process. */
export interface Position extends PositionKey {
  /** Raised by a seek: with it, everything may be handled again. */
  readonly generation: number
  /** The first offset that has not been handled. */
  readonly next: number
  /**
   * Where the row lies. It is updated with every chunk; under a long snapshot elsewhere its dead versions stay, and
   * finding it by its key would walk past all of them.
   */
  readonly ctid: string
  /**
   * When the server was started that this was read from. What comes after it, crashed or taken over from a replica, may
   * have lost commits, and records that were read of them: then the position is to be read again.
   */
  readonly server: string
}

interface PositionRow {
  readonly generation: number
  readonly next_offset: string
  readonly ctid: string
  readonly server: string
}

/** The id of a consumer, made when first asked for. */
export async function consumerId(connection: Queryable, name: string): Promise<number> {
  const { rows } = await connection.query<{ id: number }>(
    `WITH made AS (INSERT INTO millrace.consumer (name) SELECT $1
                    WHERE NOT EXISTS (SELECT FROM millrace.consumer WHERE name = $1) ON CONFLICT DO NOTHING RETURNING id)
     SELECT id FROM made UNION ALL SELECT id FROM millrace.consumer WHERE name = $1`,
    [name],
  )
  // Somebody else made it while we did: their row is visible to the next statement.
  return rows[0]?.id ?? consumerId(connection, name)
}

/** Where a consumer that is new to a topic begins. */
export interface Beginning {
  readonly from: 'earliest' | 'latest'
  readonly formerly: string | undefined
}

/**
 * Makes the positions of a consumer that is new to a topic, for all partitions at once: a partition that appears later
 * is new to a consumer that is not, and is read from its first record.
 */
export async function establishPositions(
  connection: Queryable,
  consumer: { readonly id: number } & Beginning,
  topic: TopicDescription & { readonly broker: string },
  ranges: readonly LogRange[],
): Promise<void> {
  const offsets = ranges.map(({ start, end }) => (consumer.from === 'earliest' ? start : end))
  await connection.query(
    `INSERT INTO millrace.position (consumer_id, broker, topic, topic_id, partition, next_offset)
     SELECT $1, $6, $2, $3::uuid, given.partition - 1, coalesce(former.next_offset, given.next_offset)
       FROM unnest($4::bigint[]) WITH ORDINALITY AS given (next_offset, partition)
       LEFT JOIN millrace.consumer AS named ON named.name = $5
       LEFT JOIN millrace.position AS former
         ON former.consumer_id = named.id AND former.topic_id = $3::uuid AND former.partition = given.partition - 1
      WHERE NOT EXISTS (SELECT FROM millrace.position WHERE consumer_id = $1 AND broker = $6 AND topic = $2)
         ON CONFLICT DO NOTHING`,
    [consumer.id, topic.name, topic.id, offsets, consumer.formerly ?? null, topic.broker],
  )
}

/**
 * The position now; one for a partition nobody has had yet is made, at `start`.
 *
 * @throws TOPIC_RECREATED when the consumer has positions in a topic of this name that is no more: whether the new one has
 * the same records again, only its operator knows
 */
export async function loadPosition(connection: Queryable, key: PositionKey, start: number): Promise<Position> {
  const { consumerId, broker, topic, topicId, partition } = key
  const { rows: others } = await connection.query<{ former: string; consumer: string }>(
    `SELECT p.topic_id AS former, c.name AS consumer FROM millrace.position p JOIN millrace.consumer c ON c.id = p.consumer_id
      WHERE p.consumer_id = $1 AND p.broker = $2 AND p.topic = $3 AND p.topic_id <> $4 LIMIT 1`,
    [consumerId, broker, topic, topicId],
  )
  if (others[0]) throw fail('TOPIC_RECREATED', { topic, id: topicId, ...others[0] })
  await connection.query(
    `INSERT INTO millrace.position (consumer_id, broker, topic, topic_id, partition, next_offset)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
    [consumerId, broker, topic, topicId, partition, start],
  )
  const { rows } = await connection.query<PositionRow>(
    `SELECT ctid::text, generation, next_offset, pg_postmaster_start_time()::text AS server FROM millrace.position
      WHERE consumer_id = $1 AND topic_id = $2 AND partition = $3`,
    [consumerId, topicId, partition],
  )
  const row = rows[0]
  if (!row) throw new Error(`the position of consumer ${consumerId} in ${topic}/${partition} is gone`)
  const { generation, ctid, server } = row
  return { ...key, generation, next: Number(row.next_offset), ctid, server }
}

const advanceWhere = `
  UPDATE millrace.position SET next_offset = $6, takeups = 0, updated_at = now()
   WHERE consumer_id = $1 AND topic_id = $2 AND partition = $3 AND generation = $4 AND next_offset = $5
     AND pg_postmaster_start_time() = $7::timestamptz`
const advanceByCtid = `${advanceWhere} AND ctid = $8::tid RETURNING ctid::text`
const advanceByKey = `${advanceWhere} RETURNING ctid::text`

/**
 * Moves a position, as a chunk's first statement: its row lock makes a second member wait, and the compare then refuses
 * it. Undefined when somebody else has moved it, or it was read from another server.
 */
export async function advancePosition(
  transaction: Transaction,
  position: Position,
  next: number,
): Promise<Position | undefined> {
  const { consumerId, topicId, partition, generation, ctid } = position
  const values = [consumerId, topicId, partition, generation, position.next, next, position.server]
  const byCtid = { name: 'millrace_position_ctid', text: advanceByCtid, values: [...values, ctid] }
  const byKey = { name: 'millrace_position_key', text: advanceByKey, values }
  const moved =
    (await transaction.query<{ ctid: string }>(byCtid)).rows[0] ??
    (await transaction.query<{ ctid: string }>(byKey)).rows[0]
  return moved && { ...position, next, ctid: moved.ctid }
}

/**
 * Notes that handling begins at a position; answers how often it has without coming to an end, this time included. The
 * next chunk's move of the position ends it. Undefined when somebody else has moved the position.
 */
export async function takeUp(
  connection: Queryable,
  position: Position,
): Promise<{ readonly position: Position; readonly takeups: number } | undefined> {
  const { rows } = await connection.query<{ takeups: number; ctid: string }>({
    name: 'millrace_position_takeup',
    text: `UPDATE millrace.position SET takeups = takeups + 1
            WHERE consumer_id = $1 AND topic_id = $2 AND partition = $3 AND generation = $4 AND next_offset = $5
        RETURNING takeups, ctid::text`,
    values: keyValues(position),
  })
  const [row] = rows
  return row && { position: { ...position, ctid: row.ctid }, takeups: row.takeups }
}

/** Notes that handling was ended in order, before anything was committed. */
export async function putDown(connection: Queryable, position: Position): Promise<void> {
  await connection.query({
    name: 'millrace_position_putdown',
    text: `UPDATE millrace.position SET takeups = 0
            WHERE consumer_id = $1 AND topic_id = $2 AND partition = $3 AND generation = $4 AND next_offset = $5`,
    values: keyValues(position),
  })
}

function keyValues({ consumerId, topicId, partition, generation, next }: Position): unknown[] {
  return [consumerId, topicId, partition, generation, next]
}

/**
 * Moves a position over offsets that the log does not have any more, and records them as a gap. Undefined when somebody
 * else has moved it.
 */
export async function skipGap(transaction: Transaction, position: Position, to: number): Promise<Position | undefined> {
  const { consumerId, topic, partition, next } = position
  const moved = await advancePosition(transaction, position, to)
  if (!moved) return undefined
  await transaction.query(
    'INSERT INTO millrace.gap (consumer_id, topic, partition, from_offset, to_offset) VALUES ($1, $2, $3, $4, $5)',
    [consumerId, topic, partition, next, to],
  )
  return moved
}
