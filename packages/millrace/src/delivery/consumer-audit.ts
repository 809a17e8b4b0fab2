import type { Transaction } from '../ports/database.ts'

/** Something an operator had a consumer do. */
export interface ConsumerAction {
  readonly consumer: string
  readonly action: 'seek' | 'replay' | 'cancel-replay'
  /** Who asked. */
  readonly by: string
  readonly replayId?: number
}

/** Where an action took a partition, from and to. */
export interface PartitionMove {
  readonly topic: string
  readonly partition: number
  /** Null: it had no position there. */
  readonly from: number | null
  readonly to: number
}

/** Writes down what is done to a consumer, a row for each partition. */
export function auditConsumer(
  transaction: Transaction,
  { consumer, action, by, replayId }: ConsumerAction,
  moves: readonly PartitionMove[],
): void {
  transaction.send({
    text: `
      INSERT INTO millrace.consumer_audit (consumer, action, by, replay_id, topic, partition, from_offset, to_offset)
      SELECT $1, $2, $3, $4, topic, partition, from_offset, to_offset
        FROM unnest($5::text[], $6::int[], $7::bigint[], $8::bigint[]) WITH ORDINALITY
             AS given (topic, partition, from_offset, to_offset, place) ORDER BY place`,
    values: [
      consumer,
      action,
      by,
      replayId ?? null,
      moves.map(({ topic }) => topic),
      moves.map(({ partition }) => partition),
      moves.map(({ from }) => from),
      moves.map(({ to }) => to),
    ],
  })
}
