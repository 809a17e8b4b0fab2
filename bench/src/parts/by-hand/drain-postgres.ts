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
  const { url, records } = round
  const progress = new Progress(records)
  const topic = await withClient(url, async (client) => {
    await makeTables(client)
    return topicId(client, paymentsTopic(round).name)
  })
  const drainPartition = async (client: pg.Client, partition: number) => {
    for await (const chunk of chunks(client, topic, partition)) await handleChunk(client, chunk, write, progress)
  }
  const all = Array.from({ length: partitions }, (_, partition) => partition)
  await Promise.all(all.map((partition) => withClient(url, (client) => drainPartition(client, partition))))
  return progress.end(url)
}

async function topicId(client: pg.Client, name: string): Promise<number | undefined> {
  const { rows } = await client.query<{ id: number }>('SELECT id FROM millrace.log_topics WHERE name = $1', [name])
  return rows[0]?.id
}

async function* chunks(client: pg.Client, topic: number | undefined, partition: number): AsyncGenerator<Chunk> {
  for (let from = 0; ; ) {
    const { rows } = await client.query<{ value: Buffer }>({
      ...readChunk,
      values: [topic, partition, from, from + batchSize],
    })
    if (rows.length === 0) return
    const to = from + rows.length
    yield { partition, from, to, payments: rows.map(({ value }) => JSON.parse(value.toString()) as Payment) }
    from = to
  }
}
