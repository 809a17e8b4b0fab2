import { Admin } from '@platformatic/kafka'
import type { TestApp } from '../testing/index.ts'
import { defaultKafkaBrokers, testKafkaPrefix } from '../testing/kafka.ts'

/** Where a partition is to begin. */
export interface Cut {
  readonly topic: string
  readonly partition: number
  /** The first offset that stays, no higher than the log's end. */
  readonly offset: number
}

/** Deletes the records of a partition below an offset, as retention does in time. */
export async function deleteBelow(t: TestApp, cut: Cut): Promise<void> {
  const brokers = defaultKafkaBrokers()
  if (brokers) await deleteOnKafka(brokers, { ...cut, topic: testKafkaPrefix(t.databaseUrl) + cut.topic })
  else await deleteOnPostgres(t, cut)
}

async function deleteOnPostgres({ database }: TestApp, { topic, partition, offset }: Cut): Promise<void> {
  await database.query(
    `WITH topic AS (SELECT id FROM millrace.log_topics WHERE name = $1),
          starts AS (INSERT INTO millrace.log_starts (topic_id, partition, start) SELECT id, $2, $3 FROM topic)
     DELETE FROM millrace.log l USING topic WHERE l.topic_id = topic.id AND l.partition = $2 AND l."offset" < $3`,
    [topic, partition, offset],
  )
}

async function deleteOnKafka(brokers: readonly string[], { topic, partition, offset }: Cut): Promise<void> {
  const admin = new Admin({ clientId: 'retention', bootstrapBrokers: [...brokers] })
  try {
    await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition, offset: BigInt(offset) }] }] })
  } finally {
    await admin.close()
  }
}
