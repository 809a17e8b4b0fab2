import type pg from 'pg'
import type { Progress } from '../drain.ts'
import { partitions } from '../kafka.ts'
import type { Payment } from '../payments.ts'

/** Payments that follow each other in a partition. */
export interface Chunk {
  readonly partition: number
  /** The first one's offset. */
  readonly from: number
  /** The offset behind the last one. */
  readonly to: number
  readonly payments: readonly Payment[]
}

/** Writes one chunk's payments, within its transaction. */
export type ChunkWriter = (client: pg.Client, payments: readonly Payment[], progress: Progress) => Promise<void>

const movePosition = {
  name: 'move_position',
  text: 'UPDATE by_hand_position SET next_offset = $2 WHERE partition = $1 AND next_offset = $3',
}

/** Makes the tables beside the rows: where each partition stands, at its beginning, and the inbox. */
export async function makeTables(client: pg.Client): Promise<void> {
  await client.query('CREATE TABLE by_hand_position (partition int PRIMARY KEY, next_offset bigint NOT NULL)')
  await client.query('INSERT INTO by_hand_position SELECT generate_series(0, $1::int - 1), 0', [partitions])
  await client.query('CREATE TABLE by_hand_inbox (id uuid PRIMARY KEY, seen_at timestamptz NOT NULL DEFAULT now())')
}

/**
 * Handles a chunk as one would by hand for the same effect: in one transaction with a position beside the rows, every
 * statement awaited. It validates nothing and retries nothing.
 */
export async function handleChunk(
  client: pg.Client,
  { partition, from, to, payments }: Chunk,
  write: ChunkWriter,
  progress: Progress,
): Promise<void> {
  await client.query('BEGIN')
  const moved = await client.query({ ...movePosition, values: [partition, to, from] })
  if (moved.rowCount !== 1) throw new Error('somebody else reads this partition')
  await write(client, payments, progress)
  await client.query('COMMIT')
}
