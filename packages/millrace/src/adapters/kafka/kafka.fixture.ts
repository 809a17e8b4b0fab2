import { randomBytes } from 'node:crypto'
import { Admin, Base, type BaseOptions } from '@platformatic/kafka'
import type { Logger } from '../../core/logger.ts'
import type { BrokerRecord, LogRange, OutgoingRecord, ProduceResult, RecordHeader } from '../../ports/broker.ts'
import { testKafkaBrokers } from '../../testing/kafka.ts'
import { closeClient, onceOnly } from './client.ts'
import { type KafkaBrokerOptions, type KafkaConfig, kafkaConfig } from './config.ts'
import { readFetched } from './fetched.ts'
import { FetchLine } from './line.ts'
import { KafkaProducer } from './producer.ts'
import { KafkaTopics } from './topics.ts'

const readWithinMs = 10_000

/** Where the run's Kafka is. */
export function theBrokers(): readonly string[] {
  const brokers = testKafkaBrokers()
  if (!brokers) throw new Error('TEST_KAFKA_BROKERS is not set')
  return brokers
}

/** Something that was logged. */
export interface LogLine {
  readonly level: string
  readonly message: string
  readonly details: object
}

/** Remembers what it is told. */
export function listeningLogger(): { readonly logger: Logger; readonly lines: LogLine[] } {
  const lines: LogLine[] = []
  const take = (level: string) => (details: object, message: string) => void lines.push({ level, message, details })
  const logger: Logger = {
    debug: take('debug'),
    info: take('info'),
    warn: take('warn'),
    error: take('error'),
    child: () => logger,
  }
  return { logger, lines }
}

/** The parts of the adapter that write, as one process has them. */
export interface Stage extends AsyncDisposable {
  readonly config: KafkaConfig
  readonly topics: KafkaTopics
  readonly producer: KafkaProducer
  readonly admin: Admin
  readonly lines: readonly LogLine[]
  /** Creates a topic of the test's own. */
  topic(partitions: number, settings?: Readonly<Record<string, string>>): Promise<string>
  /** All records of a topic, by partition. */
  read(topic: string): Promise<BrokerRecord[][]>
}

/** How a stage's clients differ from what options can say. */
type StageOptions = Partial<KafkaBrokerOptions> & { readonly client?: Partial<BaseOptions> }

/** Sets a stage on brokers. */
export function stageOn(brokers: readonly string[], { client, ...options }: StageOptions = {}): Stage {
  const { logger, lines } = listeningLogger()
  const plain = kafkaConfig({ brokers, logger, ...options })
  const config = { ...plain, client: { ...plain.client, ...client } }
  const topics = new KafkaTopics(config)
  const producer = new KafkaProducer(config, topics)
  const admin = new Admin({ ...config.client, retries: 20, retryDelay: 100 })
  return {
    config,
    topics,
    producer,
    admin,
    lines,
    topic: async (partitions, settings = {}) => {
      const name = `test-${randomBytes(6).toString('hex')}`
      const configs = Object.entries(settings).map(([setting, value]) => ({ name: setting, value }))
      await admin.createTopics({ topics: [{ topic: name, partitions, replicas: -1 }], configs })
      await topics.ensure([{ name, partitions }])
      return name
    },
    read: (topic) => readTopic(config, topics, topic),
    async [Symbol.asyncDispose]() {
      await Promise.all([producer.stop(), topics.stop(), admin.close()])
    },
  }
}

async function readTopic(config: KafkaConfig, topics: KafkaTopics, name: string): Promise<BrokerRecord[][]> {
  const client = new Base(onceOnly(config.client))
  const [topic] = await topics.describe([name])
  const leaders = await topics.leadersOf(name)
  const ranges = await topics.ranges(name)
  await using _ = { [Symbol.asyncDispose]: () => closeClient(client) }
  return await Promise.all(
    ranges.map(async (range, partition) => {
      const line = new FetchLine({ client, topics, topic: { name, id: topic?.id ?? '' } }, leaders[partition] ?? -1)
      try {
        return await readPartition(line, partition, range)
      } finally {
        await line.close()
      }
    }),
  )
}

async function readPartition(line: FetchLine, partition: number, { start, end }: LogRange): Promise<BrokerRecord[]> {
  const records: BrokerRecord[] = []
  const deadline = performance.now() + readWithinMs
  for (let from = start; from < end; ) {
    const { partitions, error } = await line.fetch([{ partition, from }])
    const [answer] = partitions
    // Right after a broker is back, its partitions may not be led yet.
    if (performance.now() > deadline)
      throw error ?? new Error(`partition ${partition} could not be read from ${from} on`)
    if (answer?.errorCode !== 0) continue
    const fetched = readFetched(answer, from)
    records.push(...fetched.records)
    from = fetched.next
  }
  return records
}

/** A record of texts. */
export function record(
  topic: string,
  key: string | null,
  value: string | null,
  headers: readonly RecordHeader[] = [],
): OutgoingRecord {
  return {
    topic,
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers,
  }
}

/** Where a record went; throws why it did not. */
export function placeOf(result: ProduceResult | undefined): { readonly partition: number; readonly offset: number } {
  if (!result || 'error' in result) throw result?.error ?? new Error('no result')
  return { partition: result.partition, offset: result.offset }
}

/** The code of a result's error. */
export function codeIn(result: ProduceResult | undefined): string | undefined {
  return result && 'error' in result && 'code' in result.error ? String(result.error.code) : undefined
}

/** The values of a key's records, or of all, in order. */
export function valuesIn(records: readonly BrokerRecord[], key?: string): string[] {
  return records.filter((one) => key === undefined || String(one.key) === key).map(({ value }) => String(value))
}
