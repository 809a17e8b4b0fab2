import type { BenchCase } from '../harness/definition.ts'
import { drainPostgresByHand } from '../parts/by-hand/drain-postgres.ts'
import { writeManyOnce } from '../parts/by-hand/writers.ts'
import { insertBatches } from '../parts/consumers.ts'
import { drain, drainMetrics } from '../parts/drain.ts'
import { fillLog } from '../parts/payments.ts'

/** Batch handlers. */
export const drainPostgresBatch: BenchCase = {
  name: 'drain-postgres-batch',
  question: 'What does a batch handler cost against a batched loop by hand, with an inbox?',
  records: 200_000,
  prepare: fillLog,
  metrics: drainMetrics,
  ratios: [{ metric: 'rate', atLeast: 0.75 }],
  sides: {
    millrace: { isMillrace: true, run: (round) => drain(round, insertBatches) },
    'by hand': { run: (round) => drainPostgresByHand(round, writeManyOnce) },
  },
}
