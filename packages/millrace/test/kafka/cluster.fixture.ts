import { Admin, Producer } from '@platformatic/kafka'
import { onTestFinished } from 'vitest'
import type { TestApp } from '../../src/testing/index.ts'
import { testKafkaBrokers } from '../../src/testing/kafka.ts'

/** Kafka past Millrace, as an operator or another program has it. */
export interface Cluster {
  readonly admin: Admin
  /** A producer of transactions. */
  transactional(id: string): Producer
}

/** The cluster of the run; its clients end with the test. */
export function theCluster(): Cluster {
  const options = { clientId: 'operator', bootstrapBrokers: [...brokers()], retries: 20, retryDelay: 50 }
  const admin = new Admin(options)
  onTestFinished(() => admin.close())
  return {
    admin,
    transactional: (transactionalId) => {
      const producer = new Producer({ ...options, idempotent: true, transactionalId })
      onTestFinished(() => producer.close(true))
      return producer
    },
  }
}

/** Where the run's Kafka is. */
export function brokers(): readonly string[] {
  const found = testKafkaBrokers()
  if (!found) throw new Error('TEST_KAFKA_BROKERS is not set')
  return found
}

/** What the cluster calls a topic or group of an app. */
export function nameOnCluster({ databaseUrl }: TestApp, name: string): string {
  return `${new URL(databaseUrl).pathname.slice(1)}.${name}`
}
