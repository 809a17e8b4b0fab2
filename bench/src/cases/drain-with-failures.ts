import type { BenchCase } from '../harness/definition.ts'
import { insertEach, insertEachFailing } from '../parts/consumers.ts'
import { drain, drainMetrics } from '../parts/drain.ts'
import { fillLog } from '../parts/payments.ts'

/** What records cost that fail. */
export const drainWithFailures: BenchCase = {
  name: 'drain-with-failures',
  question: 'What does it cost when one record in a thousand fails twice before it succeeds, order per key kept?',
  records: 200_000,
  prepare: fillLog,
  metrics: drainMetrics,
  ratios: [{ metric: 'rate', atLeast: 0.8 }],
  sides: {
    'with failures': { isMillrace: true, run: (round) => drain(round, insertEachFailing) },
    without: { run: (round) => drain(round, insertEach) },
  },
}
