import type { BenchCase } from '../harness/definition.ts'
import { drainKafkaByHand } from '../parts/by-hand/drain-kafka.ts'
import { writeEachOnce } from '../parts/by-hand/writers.ts'
import { insertEach } from '../parts/consumers.ts'
import { drain, drainMetrics } from '../parts/drain.ts'
import { fillLog } from '../parts/payments.ts'

/** Handlers of one statement each, from Kafka. */
export const drainKafka: BenchCase = {
  name: 'drain-kafka',
  question:
    'What does a handler of one statement cost from Kafka, against a loop by hand on the same client, with an inbox?',
  needs: 'kafka',
  records: 200_000,
  prepare: fillLog,
  metrics: drainMetrics,
  ratios: [{ metric: 'rate', atLeast: 0.7 }],
  sides: {
    millrace: { isMillrace: true, run: (round) => drain(round, insertEach) },
    'by hand': { run: (round) => drainKafkaByHand(round, writeEachOnce) },
  },
}
