import { fail } from 'millrace'
import {
  addresses,
  boolean,
  duration,
  integer,
  listOf,
  oneOf,
  path,
  port,
  postgresUrl,
  readEnvironment,
  string,
  type ValuesOf,
  type Variables,
} from 'millrace/config'

/** The modules there are. */
export const moduleNames = ['todos', 'orders'] as const

const roles = ['api', 'worker'] as const

/** Every variable the app knows; docs/configuration.md is made of this. */
export const variables = {
  HOST: {
    parse: string('an address or host name'),
    default: '127.0.0.1',
    doc: 'The address to listen on; 0.0.0.0 for all of the machine’s.',
  },
  PORT: { parse: port(), default: '8003', doc: 'The port to listen on.' },
  DATABASE_URL: {
    parse: postgresUrl(),
    unset: 'an embedded PostgreSQL in `DATA_DIR`',
    doc: 'The PostgreSQL database (15 or newer). Several instances may share it.',
    secret: true,
  },
  DATABASE_DIRECT_URL: {
    parse: postgresUrl(),
    unset: '`DATABASE_URL`',
    doc: 'The same database past a transaction pooler such as PgBouncer, for LISTEN and session locks.',
    secret: true,
  },
  DATABASE_POOL_SIZE: {
    parse: integer({ min: 2, max: 1_000 }),
    default: '10',
    doc: 'Connections for requests and consumers together; a process takes a few of its own besides.',
  },
  DATA_DIR: {
    parse: string('a folder'),
    default: '.millrace',
    doc: 'Where the embedded PostgreSQL keeps its data; from the working directory.',
  },
  ADMIN_TOKEN: {
    parse: string('a token'),
    unset: 'with the embedded PostgreSQL a random one, in `DATA_DIR/admin-token`; else nobody is let in',
    doc: 'What requests to `/admin` bear (`Authorization: Bearer …`); see [operations.md](operations.md).',
    secret: true,
  },
  KAFKA_BROKERS: {
    parse: addresses(),
    unset: 'the broker in PostgreSQL',
    doc: 'The Kafka cluster that topics live on; see [kafka.md](kafka.md).',
  },
  KAFKA_SASL_MECHANISM: {
    parse: oneOf(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']),
    unset: 'no login',
    doc: 'How to log in to Kafka, with the two variables below.',
  },
  KAFKA_SASL_USERNAME: { parse: string('a user name'), doc: 'The user to log in to Kafka as.' },
  KAFKA_SASL_PASSWORD: { parse: string('a password'), doc: 'The password of that user.', secret: true },
  KAFKA_SSL: { parse: boolean(), default: 'false', doc: 'Whether connections to Kafka are encrypted.' },
  KAFKA_SSL_CA: {
    parse: string('a file'),
    unset: 'the authorities that Node trusts',
    doc: 'A file with the certificate authority of Kafka’s brokers, as PEM; with it, `KAFKA_SSL` is `true`.',
  },
  KAFKA_GROUP_PREFIX: {
    parse: string('a text'),
    unset: 'none',
    doc: 'Put in front of the names of consumer groups, where several installations share a cluster.',
  },
  KAFKA_FROM: {
    parse: oneOf(['earliest', 'latest']),
    default: 'earliest',
    doc: 'Where consumers begin that are new to a topic and do not say themselves.',
  },
  KAFKA_SESSION_TIMEOUT: {
    parse: duration(),
    default: '10s',
    doc: 'After how long without a sign of life a process loses its partitions. Brokers take 6s to 30m unless told otherwise.',
  },
  KAFKA_CONNECT_ATTEMPTS: {
    parse: integer({ min: 1, max: 1_000 }),
    default: '5',
    doc: 'How often connecting is tried at start, waiting 2, 4, 8 … up to 30 s in between, before the process ends.',
  },
  KAFKA_CREATE_TOPICS: {
    parse: boolean(),
    default: 'true',
    doc: 'Whether missing topics are created. `false` where they are declared elsewhere: then a missing one is an error.',
  },
  KAFKA_TOPIC_REPLICAS: {
    parse: integer({ min: 1, max: 100 }),
    unset: 'the broker’s default',
    doc: 'Replicas of topics that are created on Kafka.',
  },
  TOPIC_PARTITIONS: {
    parse: integer({ min: 1, max: 1_000 }),
    default: '4',
    doc: 'Partitions of topics that are created, on either broker, and do not say themselves; others keep theirs.',
  },
  MODULES: { parse: listOf(moduleNames), default: moduleNames.join(','), doc: 'The modules to run.' },
  ROLES: {
    parse: listOf(roles),
    default: 'api,worker',
    doc: 'What the process does: `api` serves the modules’ routes, `worker` runs their consumers and the relay.',
  },
  ORDERS_PREFIX: {
    parse: path(),
    default: '/orders',
    doc: 'Where orders are served; `/` where that module is deployed alone, in place of the greeting.',
  },
  ORDERS_CONFIRM_DELAY: { parse: duration(), default: '10s', doc: 'How long an order waits before it is CONFIRMED.' },
  ORDERS_SHIP_DELAY: {
    parse: duration(),
    default: '10s',
    doc: 'How long a CONFIRMED order waits before it is SHIPPED.',
  },
  DRAIN_DELAY: {
    parse: duration(),
    default: '0s',
    doc: 'On stopping, how long to be not ready and still serve, until load balancers have noticed; see [operations.md](operations.md).',
  },
  LOG_LEVEL: {
    parse: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    default: 'info',
    doc: 'How much is logged.',
  },
  LOG_RETENTION: {
    parse: duration(),
    default: '7d',
    doc: 'How long the broker in PostgreSQL keeps its records.',
  },
} as const satisfies Variables

/** What the environment says, and warnings about it for the log. */
export interface Config extends ValuesOf<typeof variables> {
  readonly warnings: readonly string[]
}

/**
 * Reads the configuration; nothing else reads the environment.
 *
 * @throws CONFIG_INVALID which lists all problems
 */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const { values, warnings } = readEnvironment(variables, environment)
  checkLogin(values)
  return { ...values, warnings }
}

/** A login that is half there would be none: that must not pass for one. */
function checkLogin(values: ValuesOf<typeof variables>): void {
  const names = ['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const
  const missing = names.filter((name) => values[name] === undefined)
  if (missing.length === 0 || missing.length === names.length) return
  const problems = missing.map((name) => `- ${name} is not set, but others of KAFKA_SASL_… are.`)
  throw fail('CONFIG_INVALID', { count: problems.length, problems: problems.join('\n') })
}
