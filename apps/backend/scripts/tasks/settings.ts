import { readEnvironment, type ValuesOf } from 'millrace/config'
import { variables } from '../../src/config.ts'
import type { Environment } from './script.ts'

const { DATABASE_URL, DATA_DIR, KAFKA_BROKERS, KAFKA_SSL, KAFKA_SSL_CA } = variables
const { KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD } = variables
const known = {
  ...{ DATABASE_URL, DATA_DIR, KAFKA_BROKERS, KAFKA_SSL, KAFKA_SSL_CA },
  ...{ KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD },
}

/** Where the topic and the rows of an app are: the same variables that it has. */
export type Settings = ValuesOf<typeof known>

/** @throws CONFIG_INVALID */
export function readSettings(environment: Environment): Settings {
  return readEnvironment(known, environment).values
}
