import {
  duration,
  integer,
  listOf,
  oneOf,
  port,
  postgresUrl,
  readEnvironment,
  string,
  type ValuesOf,
  type Variables,
} from 'millrace/config'

/** The modules there are. */
export const moduleNames = ['todos'] as const

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
  TOPIC_PARTITIONS: {
    parse: integer({ min: 1, max: 1_000 }),
    default: '4',
    doc: 'Partitions of topics that are created and do not say themselves; topics that are there keep theirs.',
  },
  MODULES: { parse: listOf(moduleNames), default: moduleNames.join(','), doc: 'The modules to run.' },
  ROLES: {
    parse: listOf(roles),
    default: 'api,worker',
    doc: 'What the process does: `api` serves the modules’ routes, `worker` runs their consumers and the relay.',
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
  return { ...values, warnings }
}
