import { Consumer, type Message } from '@platformatic/kafka'
import type pg from 'pg'
import type { Result, Round } from '../../harness/definition.ts'
import { batchSize } from '../consumers.ts'
import { Progress } from '../drain.ts'
import { clientOptions, kafkaOf, partitions } from '../kafka.ts'
import { type Payment, paymentsTopic, withClient } from '../payments.ts'
import { type Chunk, type ChunkWriter, handleChunk, makeTables } from './chunk.ts'
import { PartitionQueue } from './partition-queue.ts'

/** By the client's defaults a request waits 5 s and brings 50 MB, all of them of the first partition if there are so many. */
const fetching = { maxWaitTime: 250, maxBytes: 1024 * 1024, maxBytesPerPartition: 256 * 1024 }

/**
 * Drains a topic of Kafka by hand, on the client that Millrace has: one stream for all partitions, for each of them a
 * queue and a connection to the database. Where a partition stands is in the database, and read from there; Kafka is
 * told, for its tools, and nobody waits for it.
 */
export async function drainKafkaByHand(round: Round, write: ChunkWriter): Promise<Result> {
  const { bootstrap, fresh } = kafkaOf(round)
  const progress = new Progress(round.records)
  await withClient(round.url, makeTables)
  const consumer = new Consumer({ ...clientOptions(bootstrap), groupId: `${fresh}by-hand`, autocommit: false })
  const queues = Array.from({ length: partitions }, () => new PartitionQueue<Message>())
  const stream = await consumer.consume({
    ...fetching,
    topics: [paymentsTopic(round).name],
    mode: 'manual',
    offsets: await withClient(round.url, (client) => offsets(client, paymentsTopic(round).name)),
  })
  const end = async () => {
    await stream.close()
    for (const queue of queues) queue.end()
  }
  const writers = queues.map((queue) =>
    withClient(round.url, async (client) => {
      for await (const { chunk, last } of chunks(queue)) {
        await handleChunk(client, chunk, write, progress)
        void commit(last)
      }
    }),
  )
  try {
    const [result] = await Promise.all([progress.end(round.url).finally(end), distribute(stream, queues), ...writers])
    return result
  } finally {
    await consumer.close(true)
  }
}

/** Where the partitions stand. */
async function offsets(client: pg.Client, topic: string) {
  const { rows } = await client.query<{ partition: number; next: string }>(
    'SELECT partition, next_offset AS next FROM by_hand_position',
  )
  return rows.map(({ partition, next }) => ({ topic, partition, offset: BigInt(next) }))
}

async function distribute(stream: AsyncIterable<Message>, queues: readonly PartitionQueue<Message>[]): Promise<void> {
  for await (const message of stream) {
    const queue = queues[message.partition]
    queue?.put(message)
    if (queue?.isFull) await queue.hasRoom()
  }
}

interface ReadChunk {
  readonly chunk: Chunk
  readonly last: Message
}

async function* chunks(queue: PartitionQueue<Message>): AsyncGenerator<ReadChunk> {
  for (;;) {
    const messages = await queue.take(batchSize)
    const [first, last] = [messages[0], messages.at(-1)]
    if (!first || !last) return
    const payments = messages.map(({ value }) => JSON.parse(value.toString()) as Payment)
    const from = Number(first.offset)
    yield { last, chunk: { partition: first.partition, from, to: Number(last.offset) + 1, payments } }
  }
}

async function commit(message: Message): Promise<void> {
  try {
    await message.commit()
  } catch {
    // The next one says the same and more.
  }
}
