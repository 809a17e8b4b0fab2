import { defineModule, defineTopic } from 'millrace'
import type { Round } from '../harness/definition.ts'
import { createBenchApp } from './bench-app.ts'
import { kafkaOf, partitions } from './kafka.ts'
import { payment, paymentOf } from './payments.ts'

/** How many events a unit of work publishes while the outbox is filled. */
const perUnit = 500

/** The topic that outboxes are relayed to. Their rows name it, so all rounds have the same. */
export function relayedTopic(round: Round) {
  return defineTopic(`${kafkaOf(round).prepared}bench.relayed`, {
    key: ({ data }) => data.account,
    events: { PaymentMade: payment },
    partitions,
  })
}

/** A module that has the topic. */
export function relayedModule(topic: ReturnType<typeof relayedTopic>) {
  return defineModule({ name: 'relayed', topics: [topic] })
}

/** Fills the outbox by an app that has no relay. */
export async function fillOutbox(round: Round): Promise<void> {
  const topic = relayedTopic(round)
  const app = createBenchApp(round, relayedModule(topic), { roles: ['api'] })
  await app.start()
  for (let first = 0; first < round.records; first += perUnit) {
    const payments = Array.from({ length: Math.min(perUnit, round.records - first) }, (_, n) => paymentOf(first + n))
    await app.millrace.transaction(async (unit) => {
      for (const data of payments) unit.publish(topic.events.PaymentMade(data, { id: data.id }))
    })
  }
  await app.stop()
}
