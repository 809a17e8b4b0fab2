/** For `setupFiles` of a Vitest project that is on Kafka: where that cannot run, its tests are skipped, and say why. */
import { beforeEach } from 'vitest'

const reason = process.env['TEST_KAFKA_UNAVAILABLE']

beforeEach(({ skip }) => skip(reason !== undefined, reason))
