import { createKafkaBroker, type KafkaBrokerOptions } from '../adapters/kafka/index.ts'
import type { Broker } from '../ports/broker.ts'
import { prefixedBroker } from './prefixed-broker.ts'

/** Where the run's Kafka is, in `TEST_KAFKA_BROKERS`; undefined: it has none. */
export function testKafkaBrokers(): readonly string[] | undefined {
  return process.env['TEST_KAFKA_BROKERS']?.split(',')
}

/** Where the apps of the run live: on the run's Kafka where `TEST_BROKER` is `kafka`, else on PostgreSQL alone. */
export function defaultKafkaBrokers(): readonly string[] | undefined {
  return process.env['TEST_BROKER'] === 'kafka' ? testKafkaBrokers() : undefined
}

/** How a test is on Kafka. */
export type TestKafkaOptions = Partial<Omit<KafkaBrokerOptions, 'brokers'>>

/**
 * A cluster as the apps on one database see it: topics and groups are theirs alone, so that the many tests that share
 * a cluster do not meet.
 */
export function createTestKafka(databaseUrl: string, options: KafkaBrokerOptions): Broker {
  return prefixedBroker(createKafkaBroker(options), testKafkaPrefix(databaseUrl))
}

/** What the cluster has in front of the names of topics and groups of the apps on a database. */
export function testKafkaPrefix(databaseUrl: string): string {
  return `${new URL(databaseUrl).pathname.slice(1)}.`
}
