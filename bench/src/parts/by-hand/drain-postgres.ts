import type pg from 'pg'
import type { Result, Round } from '../../harness/definition.ts'
import { batchSize } from '../consumers.ts'
import { Progress } from '../drain.ts'
import { partitions } from '../kafka.ts'
import { type Payment, paymentsTopic, withClient } from '../payments.ts'
import { type Chunk, type ChunkWriter, handleChunk, makeTables } from './chunk.ts'

const readChunk = {
  name: 'read_chunk',
  text: 'SELECT "offset", value FROM millrace.log_read($1, $2, $3, $4, 1000000000)',
}

/** Drains the log in PostgreSQL by hand: a connection for each partition, chunk after chunk. It has no group. */
export async function drainPostgresByHand(round: Round, write: ChunkWriter): Promise<Result> {
  const progress = new Progress(round.records)
  const topic = await withClient(round.url, async (client) => {
    await makeTables(client)
    return topicId(client, paymentsTopic(round).name)
  })
  const drainPartition = async (client: pg.Client, partition: number) => {
    for (let next: number | undefined = 0; next !== undefined; ) {
      const chunk: Chunk | undefined = await read(client, topic, partition, next)
      if (chunk) await handleChunk(client, chunk, (payments) => write(client, payments, progress))
      next = chunk?.to
    }
  }
  const all = Array.from({ length: partitions }, (_, partition) => partition)
  await Promise.all(all.map((partition) => withClient(round.url, (client) => drainPartition(client, partition))))
  return progress.end(round.url)
}

async function topicId(client: pg.Client, name: string): Promise<number | undefined> {
  const { rows } = await client.query<{ id: number }>('SELECT id FROM millrace.log_topics WHERE name = $1', [name])
  return rows[0]?.id
}
