import type { BenchCase } from '../harness/definition.ts'
import { drainByHand } from '../parts/by-hand.ts'
import { columns, insertBatches, insertMany } from '../parts/consumers.ts'
import { drain, drainMetrics } from '../parts/drain.ts'
import { fillLog, type Payment } from '../parts/payments.ts'

const claim = {
  name: 'claim',
  text: 'INSERT INTO by_hand_inbox (id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING id',
}

/** Batch handlers. */
export const drainPostgresBatch: BenchCase = {
  name: 'drain-postgres-batch',
  question: 'What does a batch handler cost against a batched loop by hand, with an inbox?',
  records: 200_000,
  prepare: fillLog,
  metrics: drainMetrics,
  ratio: { metric: 'rate', atLeast: 0.75 },
  sides: {
    millrace: { isMillrace: true, run: (round) => drain(round, insertBatches) },
    'by hand': {
      run: (round) =>
        drainByHand(round, async (client, chunk, progress) => {
          progress.take(chunk.length)
          const claimed = await client.query<Pick<Payment, 'id'>>({ ...claim, values: [chunk.map(({ id }) => id)] })
          const fresh = new Set(claimed.rows.map(({ id }) => id))
          await client.query({ ...insertMany, values: columns(chunk.filter(({ id }) => fresh.has(id))) })
        }),
    },
  },
}
