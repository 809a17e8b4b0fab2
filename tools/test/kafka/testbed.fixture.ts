import { beforeAll, beforeEach } from 'vitest'
import { kafkaUnavailable, runKafkaTool } from '../../src/kafka/index.ts'
import { registryJar } from '../../src/kafka/registry.ts'

// For the first time, when Maven fetches everything.
const fetchWithinMs = 300_000

/** Skips the tests of a file where Kafka cannot run, with the reason. With `CI=true` they fail instead. */
export function needsKafka(): void {
  let reason: string | undefined
  beforeAll(async () => {
    reason = await kafkaUnavailable()
    if (reason === undefined) await registryJar()
    else if (process.env['CI'] === 'true') throw new Error(reason)
  }, fetchWithinMs)
  beforeEach(({ skip }) => skip(reason !== undefined, reason))
}

/** What is in the topic: its first records' values. */
export async function consume(kafka: { bootstrap: string }, topic: string, records: number): Promise<string[]> {
  const args = ['--topic', topic, '--from-beginning', '--max-messages', String(records)]
  const { stdout } = await runKafkaTool(kafka, 'console-consumer', args)
  return stdout.toString().trim().split('\n')
}
