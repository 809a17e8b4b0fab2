import { Consumer, type Message, type MessagesStream } from '@platformatic/kafka'
import type pg from 'pg'
import type { Result, Round } from '../../harness/definition.ts'
import { batchSize } from '../consumers.ts'
import { Progress } from '../drain.ts'
import { clientOptions, kafkaOf, partitions } from '../kafka.ts'
import { type Payment, paymentsTopic, withClient } from '../payments.ts'
import { type Chunk, type ChunkWriter, handleChunk, makeTables } from './chunk.ts'
import { PartitionQueue } from './partition-queue.ts'

/** By the client's defaults a request waits 5 s and brings 50 MB, all of the first partition where it has so much. */
const fetching = { maxWaitTime: 250, maxBytes: 1024 * 1024, maxBytesPerPartition: 256 * 1024 }

/**
 * Drains a topic of Kafka by hand, on the client that Millrace has: one stream for all partitions, and for each of them a
 * queue and a connection to the database. Where a partition stands is in the database, and read from there; Kafka is
 * told, for its tools, and nobody waits for it.
 */
export async function drainKafkaByHand(round: Round, write: ChunkWriter): Promise<Result> {
  const { url, records } = round
  const progress = new Progress(records)
  await withClient(url, makeTables)
  await using stack = new AsyncDisposableStack()
  const consumer = stack.adopt(createConsumer(round), (created) => created.close(true))
  const stream = await consume(consumer, round)
  const queues = Array.from({ length: partitions }, () => new PartitionQueue<Message>())
  const end = async () => {
    await stream.close()
    for (const queue of queues) queue.end()
  }
  const [result] = await Promise.all([
    progress.end(url).finally(end),
    distribute(stream, queues),
    ...queues.map((queue) => withClient(url, (client) => writeAll(client, queue, write, progress))),
  ])
  return result
}

function createConsumer(round: Round): Consumer {
  const { bootstrap, fresh } = kafkaOf(round)
  return new Consumer({ ...clientOptions(bootstrap), groupId: `${fresh}by-hand`, autocommit: false })
}

async function consume(consumer: Consumer, round: Round): Promise<MessagesStream<Buffer, Buffer, Buffer, Buffer>> {
  const topic = paymentsTopic(round).name
  const offsets = await withClient(round.url, async (client) => {
    const { rows } = await client.query<{ partition: number; next_offset: string }>('SELECT * FROM by_hand_position')
    return rows.map(({ partition, next_offset }) => ({ topic, partition, offset: BigInt(next_offset) }))
  })
  return consumer.consume({ ...fetching, topics: [topic], mode: 'manual', offsets })
}

/** All partitions wait while one has more than it can hold: the stream cannot be paused for one of them. */
async function distribute(stream: AsyncIterable<Message>, queues: readonly PartitionQueue<Message>[]): Promise<void> {
  for await (const message of stream) {
    const queue = queues[message.partition]
    queue?.put(message)
    if (queue?.isFull) await queue.hasRoom()
  }
}

async function writeAll(
  client: pg.Client,
  queue: PartitionQueue<Message>,
  write: ChunkWriter,
  progress: Progress,
): Promise<void> {
  for await (const messages of chunks(queue)) {
    await handleChunk(client, chunkOf(messages), write, progress)
    void commit(messages.at(-1))
  }
}

async function* chunks(queue: PartitionQueue<Message>): AsyncGenerator<readonly Message[]> {
  for (;;) {
    const messages = await queue.take(batchSize)
    if (messages.length === 0) return
    yield messages
  }
}

function chunkOf(messages: readonly Message[]): Chunk {
  const [first, last] = [messages[0], messages.at(-1)]
  if (!first || !last) throw new Error('a chunk has no records')
  const payments = messages.map(({ value }) => JSON.parse(value.toString()) as Payment)
  return { partition: first.partition, from: Number(first.offset), to: Number(last.offset) + 1, payments }
}

async function commit(message: Message | undefined): Promise<void> {
  try {
    await message?.commit()
  } catch {
    // The next one says the same and more.
  }
}
