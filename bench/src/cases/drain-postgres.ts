import type { BenchCase } from '../harness/definition.ts'
import { drainPostgresByHand } from '../parts/by-hand/drain-postgres.ts'
import { writeEach } from '../parts/by-hand/writers.ts'
import { insertEach } from '../parts/consumers.ts'
import { drain, drainMetrics } from '../parts/drain.ts'
import { fillLog } from '../parts/payments.ts'

/** Handlers of one statement each. */
export const drainPostgres: BenchCase = {
  name: 'drain-postgres',
  question: 'What does exactly-once delivery cost a handler of one statement, against a loop by hand without an inbox?',
  records: 200_000,
  prepare: fillLog,
  metrics: drainMetrics,
  ratios: [{ metric: 'rate', atLeast: 0.7 }],
  sides: {
    millrace: { isMillrace: true, run: (round) => drain(round, insertEach) },
    'by hand': { run: (round) => drainPostgresByHand(round, writeEach) },
  },
}
