import type pg from 'pg'
import type { Result, Round } from '../harness/definition.ts'
import { batchSize } from './consumers.ts'
import { Progress } from './drain.ts'
import { type Payment, payments, withClient } from './payments.ts'

/** Writes one chunk's payments, within its transaction. */
export type ChunkWriter = (client: pg.Client, chunk: readonly Payment[], progress: Progress) => Promise<void>

const readChunk = {
  name: 'read_chunk',
  text: 'SELECT "offset", value FROM millrace.log_read($1, $2, $3, $4, 1000000000)',
}

const movePosition = {
  name: 'move_position',
  text: 'UPDATE by_hand_position SET next_offset = $2 WHERE partition = $1 AND next_offset = $3',
}

/**
 * Drains the log as one would by hand for the same effect: a connection for each partition, chunk after chunk, one
 * transaction each with a position beside the rows, every statement awaited. It validates nothing, retries nothing, and
 * has no group.
 */
export async function drainByHand({ url, records }: Round, write: ChunkWriter): Promise<Result> {
  const progress = new Progress(records)
  const topic = await withClient(url, async (client) => {
    await client.query('CREATE TABLE by_hand_position (partition int PRIMARY KEY, next_offset bigint NOT NULL)')
    await client.query('INSERT INTO by_hand_position SELECT generate_series(0, $1::int - 1), 0', [payments.partitions])
    await client.query('CREATE TABLE by_hand_inbox (id uuid PRIMARY KEY, seen_at timestamptz NOT NULL DEFAULT now())')
    const found = await client.query<{ id: number }>('SELECT id FROM millrace.log_topics WHERE name = $1', [
      payments.name,
    ])
    return found.rows[0]?.id
  })
  const partitions = Array.from({ length: payments.partitions ?? 0 }, (_, partition) => partition)
  await Promise.all(
    partitions.map((partition) =>
      withClient(url, async (client) => {
        let next: number | undefined = 0
        while (next !== undefined) next = await handleChunk({ client, topic, partition, next, write, progress })
      }),
    ),
  )
  return progress.end(url)
}

interface Chunk {
  readonly client: pg.Client
  readonly topic: number | undefined
  readonly partition: number
  readonly next: number
  readonly write: ChunkWriter
  readonly progress: Progress
}

/** Handles the chunk at an offset; answers the next one, or undefined at the end of the log. */
async function handleChunk({ client, topic, partition, next, write, progress }: Chunk): Promise<number | undefined> {
  const { rows } = await client.query<{ offset: string; value: Buffer }>({
    ...readChunk,
    values: [topic, partition, next, next + batchSize],
  })
  if (rows.length === 0) return undefined
  const chunk = rows.map(({ value }) => JSON.parse(value.toString()) as Payment)
  const end = next + rows.length
  await client.query('BEGIN')
  const moved = await client.query({ ...movePosition, values: [partition, end, next] })
  if (moved.rowCount !== 1) throw new Error('somebody else reads this partition')
  await write(client, chunk, progress)
  await client.query('COMMIT')
  return end
}
