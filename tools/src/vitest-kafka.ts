import type { TestProject } from 'vitest/node'
import { type KafkaCluster, kafkaUnavailable, startKafka } from './kafka/index.ts'
import { skipProject } from './vitest-skip.ts'

/** What is promised of records of 2 MB is to hold here too: Kafka takes 1 MB unless it is told otherwise. */
const settings = { 'message.max.bytes': '4000000' }

let kafka: KafkaCluster | undefined

/**
 * For `globalSetup` of the Vitest projects that are on Kafka: starts one for the whole run, unless `TEST_KAFKA_BROKERS`
 * names one. Where it cannot run, the project's tests are skipped.
 */
export async function setup(project: TestProject): Promise<void> {
  if (process.env['TEST_KAFKA_BROKERS']) return
  const reason = await kafkaUnavailable()
  if (reason !== undefined) return skipProject(project, 'Kafka', reason)
  kafka = await startKafka({ settings })
  process.env['TEST_KAFKA_BROKERS'] = kafka.bootstrap
}

/** Ends what `setup` has started, for whichever project. */
export async function teardown(): Promise<void> {
  const started = kafka
  kafka = undefined
  if (!started) return
  delete process.env['TEST_KAFKA_BROKERS']
  await started.stop()
}
