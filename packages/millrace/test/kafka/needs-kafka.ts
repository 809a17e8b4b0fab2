import { beforeEach } from 'vitest'

/** Skips the tests of a file, with the reason, where no Kafka can run; in CI the whole run has failed before. */
export function needsKafka(): void {
  const reason = process.env['TEST_KAFKA_UNAVAILABLE']
  beforeEach(({ skip }) => skip(reason !== undefined, reason))
}
