import type { Queryable } from '../core/unit.ts'
import type { TopicDescription } from '../ports/broker.ts'
import type { Transaction } from '../ports/database.ts'

/** The positions of a consumer in a topic by one name, whatever topic it was then. */
export interface TopicPositions {
  readonly consumerId: number
  readonly broker: string
  readonly topic: TopicDescription
}

/** Where a consumer is to go on in a partition. */
export interface Target {
  readonly partition: number
  readonly offset: number
}

/** A position as it was found. */
export interface FoundPosition {
  readonly topicId: string
  readonly partition: number
  readonly generation: number
  readonly next: number
}

const select = `SELECT topic_id AS "topicId", partition, generation, next_offset::float8 AS next FROM millrace.position
                 WHERE consumer_id = $1 AND broker = $2 AND topic = $3 ORDER BY partition, topic_id`

/** The positions now. */
export async function findPositions(
  connection: Queryable,
  { consumerId, broker, topic }: TopicPositions,
): Promise<FoundPosition[]> {
  const { rows } = await connection.query<FoundPosition>(select, [consumerId, broker, topic.name])
  return rows
}

/** The same, locked until the transaction ends: no chunk of theirs commits meanwhile. */
export async function lockPositions(
  transaction: Transaction,
  { consumerId, broker, topic }: TopicPositions,
): Promise<FoundPosition[]> {
  const { rows } = await transaction.query<FoundPosition>(`${select} FOR UPDATE`, [consumerId, broker, topic.name])
  return rows
}

/**
 * Moves positions that are locked. The generation is above that of all of them, so that chunks under way cannot commit,
 * and everything may be handled again: also in a topic that was created anew, whose former positions go.
 */
export function movePositions(
  transaction: Transaction,
  { consumerId, broker, topic }: TopicPositions,
  targets: readonly Target[],
  locked: readonly FoundPosition[],
): void {
  const generation = locked.reduce((highest, position) => Math.max(highest, position.generation), -1) + 1
  transaction.send({
    text: `DELETE FROM millrace.position WHERE consumer_id = $1 AND broker = $2 AND topic = $3 AND topic_id <> $4`,
    values: [consumerId, broker, topic.name, topic.id],
  })
  transaction.send({
    text: `
      INSERT INTO millrace.position (consumer_id, broker, topic, topic_id, partition, next_offset, generation)
      SELECT $1, $2, $3, $4, given.partition, given."offset", $5
        FROM unnest($6::int[], $7::bigint[]) AS given (partition, "offset")
          ON CONFLICT (consumer_id, topic_id, partition) DO UPDATE
         SET next_offset = excluded.next_offset, generation = excluded.generation, takeups = 0, updated_at = now()`,
    values: [
      consumerId,
      broker,
      topic.name,
      topic.id,
      generation,
      targets.map(({ partition }) => partition),
      targets.map(({ offset }) => offset),
    ],
  })
}
