import type { BenchCase, Result, Round } from '../harness/definition.ts'
import { createBenchApp } from '../parts/bench-app.ts'
import { makeOutbox, relayByHand } from '../parts/by-hand/relay.ts'
import { Thread } from '../parts/in-thread.ts'
import { kafkaOf } from '../parts/kafka.ts'
import { withClient } from '../parts/payments.ts'
import { fillOutbox, relayedModule, relayedTopic } from '../parts/relay.ts'
import type { WatchOrder } from '../parts/topic-watch.ts'

/** From the outbox to Kafka. */
export const relay: BenchCase = {
  name: 'relay',
  question:
    'How fast is the relay from the outbox to Kafka, against a loop by hand that reads, sends and notes its place?',
  needs: 'kafka',
  records: 100_000,
  prepare: async (round) => {
    await fillOutbox(round)
    await withClient(round.url, async (client) => {
      await makeOutbox(client)
      await client.query('VACUUM ANALYZE')
    })
  },
  metrics: [{ name: 'rate', unit: 'records/s' }],
  ratios: [{ metric: 'rate', atLeast: 0.6 }],
  sides: {
    millrace: { isMillrace: true, run: relayed },
    'by hand': {
      run: (round) =>
        watched(round, async () => {
          const { bootstrap } = kafkaOf(round)
          await withClient(round.url, (client) => relayByHand(client, bootstrap, relayedTopic(round).name))
        }),
    },
  },
}

async function relayed(round: Round): Promise<Result> {
  const app = createBenchApp(round, relayedModule(relayedTopic(round)), { roles: ['worker'] })
  try {
    return await watched(round, () => app.start())
  } finally {
    await app.stop()
  }
}

/** Measures from when the first record can be seen in the topic until the last one can. */
async function watched(round: Round, begin: () => Promise<void>): Promise<Result> {
  const order = { bootstrap: kafkaOf(round).bootstrap, topic: relayedTopic(round).name, records: round.records }
  const watch = new Thread<Result>('./topic-watch.ts', order satisfies WatchOrder)
  await watch.answer()
  await begin()
  return watch.answer()
}
