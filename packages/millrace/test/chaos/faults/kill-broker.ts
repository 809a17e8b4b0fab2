import type { Fault } from './fault.ts'

/** One of Kafka's brokers is killed, and started again. */
export const killBroker: Fault = {
  describe: (target) => `kill -9 of Kafka’s broker ${target + 1}`,
  targets: ({ brokers }) => brokers,
  resource: () => 'Kafka',
  lasts: [100, 5_000],
  begin: (stage, target) => stage.kafkaNode(target).kill(),
  end: (stage, target) => stage.kafkaNode(target).start(),
}
