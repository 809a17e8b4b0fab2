import type { Broker } from '../../ports/broker.ts'
import { KafkaBroker } from './broker.ts'
import { type KafkaBrokerOptions, kafkaConfig } from './config.ts'

export type { KafkaBrokerOptions, KafkaSasl, KafkaTls } from './config.ts'

/**
 * A broker that is a Kafka cluster, from version 2.5 on. Nothing is connected before it is started.
 *
 * @throws DURATION_INVALID, DEFINITION_INVALID
 */
export function createKafkaBroker(options: KafkaBrokerOptions): Broker {
  return new KafkaBroker(kafkaConfig(options))
}
