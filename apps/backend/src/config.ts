import { fail } from 'millrace'
import {
  addresses,
  boolean,
  duration,
  integer,
  listOf,
  mailAddress,
  names,
  oneOf,
  origins,
  path,
  port,
  postgresUrl,
  proxies,
  ratio,
  readEnvironment,
  redisUrl,
  secret,
  string,
  topicName,
  url,
  type ValuesOf,
  type Variables,
} from 'millrace/config'

/** The modules there are. */
export const moduleNames = ['todos', 'notifications', 'tasks', 'orders'] as const

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
  JWT_SECRET: {
    parse: secret(32),
    unset: 'with the embedded PostgreSQL a random one, in `DATA_DIR/jwt-secret`; else needed by the module `tasks`',
    doc: 'Signs the access tokens of users who log in here; the same in all processes. Make it by `openssl rand -base64 32`.',
    secret: true,
  },
  JWT_JWKS_URL: {
    parse: url(['http', 'https'], { example: 'https://issuer.example/keys' }),
    unset: 'users log in here',
    doc: 'The keys of an issuer elsewhere (OpenID Connect), where users log in; then instead of `JWT_SECRET`.',
  },
  JWT_ISSUER: {
    parse: string('a text'),
    unset: '`millrace`; needed with `JWT_JWKS_URL`',
    doc: 'The claim `iss` of access tokens.',
  },
  JWT_AUDIENCE: {
    parse: string('a text'),
    unset: '`millrace`; needed with `JWT_JWKS_URL`',
    doc: 'The claim `aud` of access tokens.',
  },
  ACCESS_TOKEN_LIFETIME: {
    parse: duration(),
    default: '15m',
    doc: 'How long an access token is good for; nothing ends it sooner.',
  },
  REFRESH_TOKEN_LIFETIME: {
    parse: duration(),
    default: '30d',
    doc: 'How long a session goes on without a refresh.',
  },
  TASKS_DUE_SOON_BEFORE: {
    parse: duration(),
    default: '24h',
    doc: 'How long ahead of its due date `task_due_soon` comes for a task.',
  },
  AUTH_RATE_LIMIT: {
    parse: integer({ min: 1, max: 1_000_000 }),
    default: '20',
    doc: 'Requests a minute to `/api/auth/…`, for each address.',
  },
  LOGIN_RATE_LIMIT: {
    parse: integer({ min: 1, max: 1_000_000 }),
    default: '10',
    doc: 'Attempts a minute to log in to one account, wherever they come from.',
  },
  RATE_LIMIT: {
    parse: integer({ min: 1, max: 1_000_000 }),
    unset: 'no limit',
    doc: 'Requests a minute to everything but health, metrics and the client of live updates: for each user, or each address where there is none.',
  },
  TRUST_PROXY: {
    parse: proxies(),
    default: '0',
    doc: 'Which proxies are believed about the address of a request; see [operations.md](operations.md#behind-a-proxy).',
  },
  CORS_ORIGINS: {
    parse: origins(),
    unset: 'none',
    doc: 'Pages elsewhere that may use the API.',
  },
  LIVE_ORIGINS: {
    parse: origins(),
    unset: '`CORS_ORIGINS`',
    doc: 'Pages elsewhere that may open live connections, besides those served here. Behind a proxy that changes the header `host`, the own origin too.',
  },
  TLS_CERT_FILE: {
    parse: string('a file'),
    unset: 'HTTP',
    doc: 'The certificate of HTTPS with those between it and its authority, as PEM; read again when it changes.',
  },
  TLS_KEY_FILE: { parse: string('a file'), unset: 'HTTP', doc: 'The private key of that certificate, as PEM.' },
  REDIS_URL: {
    parse: redisUrl(),
    unset: 'live updates come by PostgreSQL, and each process counts for itself',
    doc: 'A Redis (6 or newer), which brings live updates to all instances and counts for their limits together; see [live.md](live.md#with-redis).',
    secret: true,
  },
  REDIS_SSL_CA: {
    parse: string('a file'),
    unset: 'the authorities that Node trusts',
    doc: 'A file with the certificate authority of that Redis, as PEM; with `rediss://`.',
  },
  REDIS_PREFIX: {
    parse: string('a text'),
    default: 'millrace',
    doc: 'In front of all names in that Redis: another one for each installation that shares it.',
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
  DEAD_LETTER_TOPIC: {
    parse: topicName(),
    unset: 'none',
    doc: 'A topic that a copy of each dead letter is published to; see [operations.md](operations.md#copies-of-dead-letters).',
  },
  MODULES: { parse: listOf(moduleNames), default: moduleNames.join(','), doc: 'The modules to run.' },
  ROLES: {
    parse: listOf(roles),
    default: 'api,worker',
    doc: 'What the process does: `api` serves the modules’ routes, `worker` runs their consumers and the relay.',
  },
  CONSUMERS_PAUSED: {
    parse: names('one or more names of consumers, comma-separated'),
    unset: 'none',
    doc: 'Consumers that this process holds paused, whatever `/admin` says; see [operations.md](operations.md#consumers).',
  },
  NOTIFICATIONS_BATCH_SIZE: {
    parse: integer({ min: 1, max: 5_000 }),
    default: '25',
    doc: 'Records of `notifications` and `generic_topic` that are handled together, at most.',
  },
  NOTIFICATIONS_BATCH_WAIT: {
    parse: duration({ max: '5m' }),
    default: '5s',
    doc: 'How long a batch of them waits for more.',
  },
  NOTIFICATIONS_SEND_EVERY: {
    parse: duration({ min: '100ms', max: '366d' }),
    default: '30s',
    doc: 'How often is looked for notifications to send again; new ones are sent when they arrive.',
  },
  NOTIFICATIONS_SENDER: {
    parse: oneOf(['log', 'webhook', 'smtp']),
    default: 'log',
    doc: 'What sends notifications; see [notifications.md](guides/notifications.md).',
  },
  NOTIFICATIONS_SEND_TIMEOUT: {
    parse: duration({ min: '100ms', max: '5m' }),
    default: '10s',
    doc: 'How long one attempt to send may take.',
  },
  NOTIFICATIONS_ATTEMPTS: {
    parse: integer({ min: 1, max: 100 }),
    default: '10',
    doc: 'How often a notification is sent before it has failed.',
  },
  NOTIFICATIONS_RETRY_AFTER: {
    parse: duration({ max: '1h' }),
    default: '30s',
    doc: 'The waiting time after the first failed attempt; it doubles with each, up to an hour, less up to a half at random.',
  },
  NOTIFICATIONS_KEEP_SENT: {
    parse: duration(),
    default: '30d',
    doc: 'How long notifications are kept once they were sent.',
  },
  NOTIFICATIONS_WEBHOOK_URL: {
    parse: url(['http', 'https'], { example: 'https://host/path' }),
    doc: 'Where `webhook` posts to.',
    secret: true,
  },
  NOTIFICATIONS_WEBHOOK_SECRET: {
    parse: string('a secret'),
    doc: 'Signs what `webhook` posts (HMAC-SHA256).',
    secret: true,
  },
  NOTIFICATIONS_SMTP_URL: {
    parse: url(['smtp', 'smtps'], { example: 'smtps://user:password@host:465', login: true }),
    doc: 'The server that `smtp` sends by. `smtp://` with a password demands STARTTLS.',
    secret: true,
  },
  NOTIFICATIONS_MAIL_FROM: {
    parse: mailAddress(),
    doc: 'The address that mails are from.',
  },
  NOTIFICATIONS_MAIL_TO: {
    parse: string('an address with {user_id} in it'),
    default: '{user_id}',
    doc: 'A user’s address, in which `{user_id}` stands for the id, such as `{user_id}@example.com`.',
  },
  ORDERS_PREFIX: {
    parse: path(),
    default: '/orders',
    doc: 'Where orders are served; `/` where that module is deployed alone, in place of the greeting.',
  },
  ORDERS_CONFIRM_DELAY: {
    parse: duration({ max: '366d' }),
    default: '10s',
    doc: 'How long an order waits before it is CONFIRMED.',
  },
  ORDERS_SHIP_DELAY: {
    parse: duration({ max: '366d' }),
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
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    parse: url(['http', 'https'], { example: 'http://host:4318' }),
    unset: 'no spans are made',
    doc: 'Where spans are sent, by OTLP over HTTP (`/v1/traces` is added); see [observability.md](observability.md).',
  },
  OTEL_SERVICE_NAME: { parse: string('a name'), default: 'millrace', doc: 'What spans say they come from.' },
  OTEL_TRACES_SAMPLER_ARG: {
    parse: ratio(),
    default: '1',
    doc: 'The share of traces that is kept, of those that begin here; whoever has begun one elsewhere decides about it.',
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
  const problems = problemsTogether(values)
  if (problems.length > 0) throw invalid(problems)
  return { ...values, warnings }
}

type Values = ValuesOf<typeof variables>

/** What of the variables does not go together. Half of a login or a certificate would be none: that must not pass for one. */
function problemsTogether(values: Values): string[] {
  return [
    ...missingOf(values, ['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD']),
    ...missingOf(values, ['TLS_CERT_FILE', 'TLS_KEY_FILE']),
    ...problemsOfRedis(values),
    ...(values.JWT_JWKS_URL ? problemsOfIssuer(values) : problemsOfSecret(values)),
    ...problemsOfSender(values),
  ]
}

function invalid(problems: readonly string[]): Error {
  return fail('CONFIG_INVALID', { count: problems.length, problems: problems.map((each) => `- ${each}`).join('\n') })
}

function missingOf(values: Values, names: readonly (keyof Values)[]): string[] {
  const missing = names.filter((name) => values[name] === undefined)
  if (missing.length === names.length) return []
  const others = names.filter((name) => !missing.includes(name)).join(', ')
  return missing.map((name) => `${name} is not set, but it goes with ${others}.`)
}

function problemsOfRedis({ REDIS_URL, REDIS_SSL_CA }: Values): string[] {
  if (!REDIS_SSL_CA || REDIS_URL?.startsWith('rediss:')) return []
  return ['REDIS_SSL_CA is set, but REDIS_URL does not begin with rediss://: nothing would be encrypted.']
}

function problemsOfIssuer(values: Values): string[] {
  const needed = (['JWT_ISSUER', 'JWT_AUDIENCE'] as const).filter((name) => values[name] === undefined)
  return [
    ...needed.map((name) => `${name} is not set: with JWT_JWKS_URL, tokens for anybody else would be taken.`),
    ...(values.JWT_SECRET ? ['JWT_SECRET and JWT_JWKS_URL are both set: tokens come from one of them.'] : []),
  ]
}

function problemsOfSecret({ JWT_SECRET, DATABASE_URL, MODULES, ROLES }: Values): string[] {
  const isNeeded = DATABASE_URL !== undefined && MODULES.includes('tasks') && ROLES.includes('api')
  if (JWT_SECRET || !isNeeded) return []
  return ['JWT_SECRET is not set (nor JWT_JWKS_URL): the module tasks needs one of them to know its users.']
}

/** What each sender of notifications cannot do without. */
const neededBySender = {
  log: [],
  webhook: ['NOTIFICATIONS_WEBHOOK_URL', 'NOTIFICATIONS_WEBHOOK_SECRET'],
  smtp: ['NOTIFICATIONS_SMTP_URL', 'NOTIFICATIONS_MAIL_FROM'],
} as const

function problemsOfSender(values: Values): string[] {
  const { NOTIFICATIONS_SENDER: sender } = values
  const missing = neededBySender[sender].filter((name) => values[name] === undefined)
  return missing.map((name) => `${name} is not set, but NOTIFICATIONS_SENDER is ${sender}.`)
}

/** What the sender of notifications needs. */
export type SenderSettings =
  | { readonly kind: 'log' }
  | { readonly kind: 'webhook'; readonly url: string; readonly secret: string }
  | { readonly kind: 'smtp'; readonly url: string; readonly from: string; readonly to: string }

/**
 * The chosen sender of notifications, with all it needs.
 *
 * @throws CONFIG_INVALID which names what is not set
 */
export function senderSettings(values: Values): SenderSettings {
  const { NOTIFICATIONS_WEBHOOK_URL: hook, NOTIFICATIONS_WEBHOOK_SECRET: secret } = values
  const { NOTIFICATIONS_SMTP_URL: server, NOTIFICATIONS_MAIL_FROM: from, NOTIFICATIONS_MAIL_TO: to } = values
  switch (values.NOTIFICATIONS_SENDER) {
    case 'log':
      return { kind: 'log' }
    case 'webhook':
      if (hook && secret) return { kind: 'webhook', url: hook, secret }
      break
    case 'smtp':
      if (server && from) return { kind: 'smtp', url: server, from, to }
  }
  throw invalid(problemsOfSender(values))
}
