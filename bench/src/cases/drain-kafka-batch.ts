import type { BenchCase } from '../harness/definition.ts'
import { drainKafkaByHand } from '../parts/by-hand/drain-kafka.ts'
import { writeManyOnce } from '../parts/by-hand/writers.ts'
import { insertBatches } from '../parts/consumers.ts'
import { drain, drainMetrics } from '../parts/drain.ts'
import { fillLog } from '../parts/payments.ts'

/** Batch handlers, from Kafka. */
export const drainKafkaBatch: BenchCase = {
  name: 'drain-kafka-batch',
  question:
    'What does a batch handler cost from Kafka, against a batched loop by hand on the same client, with an inbox?',
  needs: 'kafka',
  records: 200_000,
  prepare: fillLog,
  metrics: drainMetrics,
  ratios: [{ metric: 'rate', atLeast: 0.75 }],
  sides: {
    millrace: { isMillrace: true, run: (round) => drain(round, insertBatches) },
    'by hand': { run: (round) => drainKafkaByHand(round, writeManyOnce) },
  },
}
