import type { BenchCase } from '../harness/definition.ts'
import { drainByHand } from '../parts/by-hand.ts'
import { insertEach, insertOne } from '../parts/consumers.ts'
import { drain, drainMetrics } from '../parts/drain.ts'
import { fillLog } from '../parts/payments.ts'

/** Handlers of one statement each. */
export const drainPostgres: BenchCase = {
  name: 'drain-postgres',
  question: 'What does exactly-once delivery cost a handler of one statement, against a loop by hand without an inbox?',
  records: 200_000,
  prepare: fillLog,
  metrics: drainMetrics,
  ratio: { metric: 'rate', atLeast: 0.7 },
  sides: {
    millrace: { isMillrace: true, run: (round) => drain(round, insertEach) },
    'by hand': {
      run: (round) =>
        drainByHand(round, async (client, chunk, progress) => {
          for (const { n, id, account, amount } of chunk) {
            progress.take()
            await client.query({ ...insertOne, values: [n, id, account, amount] })
          }
        }),
    },
  },
}
