import { readFileSync } from 'node:fs'
import { fail } from 'millrace'
import type { KafkaBrokerOptions, KafkaSasl, KafkaTls } from 'millrace/kafka'
import type { Config } from './config.ts'

/** The variables that say where Kafka is, and how to log in. */
export type KafkaConfig = Pick<
  Config,
  | 'KAFKA_BROKERS'
  | 'KAFKA_SASL_MECHANISM'
  | 'KAFKA_SASL_USERNAME'
  | 'KAFKA_SASL_PASSWORD'
  | 'KAFKA_SSL'
  | 'KAFKA_SSL_CA'
>

/**
 * How to connect to Kafka; undefined where none is asked for.
 *
 * @throws CONFIG_INVALID where a file cannot be read
 */
export function kafkaSettings(config: KafkaConfig): Pick<KafkaBrokerOptions, 'brokers' | 'sasl' | 'tls'> | undefined {
  if (!config.KAFKA_BROKERS) return undefined
  const tls = tlsOf(config)
  return { brokers: config.KAFKA_BROKERS, ...loginOf(config), ...(tls && { tls }) }
}

function loginOf(config: KafkaConfig): { readonly sasl?: KafkaSasl } {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = config
  return mechanism && username && password ? { sasl: { mechanism, username, password } } : {}
}

function tlsOf({ KAFKA_SSL, KAFKA_SSL_CA: file }: KafkaConfig): KafkaTls | undefined {
  if (file === undefined) return KAFKA_SSL ? {} : undefined
  try {
    return { ca: readFileSync(file, 'utf8') }
  } catch (error) {
    const problems = `- KAFKA_SSL_CA is "${file}", which cannot be read: ${error instanceof Error ? error.message : error}`
    throw fail('CONFIG_INVALID', { count: 1, problems }, { cause: error })
  }
}
