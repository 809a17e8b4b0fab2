import type { TestProject } from 'vitest/node'
import { type KafkaCluster, kafkaUnavailable, startKafka } from './kafka/index.ts'

/** What is promised of records of 2 MB is to hold here too: Kafka takes 1 MB unless it is told otherwise. */
const settings = { 'message.max.bytes': '4000000' }

/** Matches the name of no test. */
const nothing = /(?!)/

let kafka: KafkaCluster | undefined

/**
 * For `globalSetup` of the Vitest projects that are on Kafka: starts one for the whole run, unless `TEST_KAFKA_BROKERS`
 * names one. Where it cannot run, `TEST_KAFKA_UNAVAILABLE` says why, and the project's tests are skipped; in CI nothing is.
 */
export async function setup({ config }: TestProject): Promise<void> {
  if (process.env['TEST_KAFKA_BROKERS']) return
  const reason = await kafkaUnavailable()
  if (reason === undefined) {
    kafka = await startKafka({ settings })
    process.env['TEST_KAFKA_BROKERS'] = kafka.bootstrap
  } else if (process.env['CI']) throw new Error(`CI skips no test, and there is no Kafka: ${reason}`)
  else {
    process.env['TEST_KAFKA_UNAVAILABLE'] = reason
    // Unlike a skip in each test, it spares the hooks of files, which need a Kafka too.
    config.testNamePattern = nothing
  }
}

/** Ends what `setup` has started, for whichever project. */
export async function teardown(): Promise<void> {
  const started = kafka
  kafka = undefined
  if (!started) return
  delete process.env['TEST_KAFKA_BROKERS']
  await started.stop()
}
