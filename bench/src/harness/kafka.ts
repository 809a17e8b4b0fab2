import { startKafka } from '@millrace/tools/kafka'
import { Admin } from '@platformatic/kafka'
import type { BenchCase } from './definition.ts'

/** A Kafka for a run. */
export interface BenchKafka {
  /** `host:port,…` */
  readonly bootstrap: string
  stop(): Promise<void>
}

/** More than the tests' brokers have: a log of a million records is written, and read by several clients. */
const heap = '1g'

/**
 * A Kafka where one of the cases needs it: the one that is given, or one of our own, with its data in a temporary folder
 * that is removed afterwards.
 *
 * @throws KafkaUnavailableError where none can be run on this machine, with what to install
 */
export async function kafkaFor(
  cases: readonly BenchCase[],
  given: string | undefined,
): Promise<BenchKafka | undefined> {
  if (!cases.some(({ needs }) => needs === 'kafka')) return undefined
  return given === undefined ? startKafka({ heap }) : { bootstrap: given, stop: async () => {} }
}

/** Removes the topics whose names begin so. */
export async function dropTopics(bootstrap: string, prefix: string): Promise<void> {
  const admin = new Admin({ clientId: 'bench', bootstrapBrokers: bootstrap.split(',') })
  try {
    const topics = (await admin.listTopics()).filter((name) => name.startsWith(prefix))
    if (topics.length > 0) await admin.deleteTopics({ topics })
  } finally {
    await admin.close()
  }
}
