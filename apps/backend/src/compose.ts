import {
  type App,
  type Authenticate,
  createApp,
  createLogger,
  type HttpOptions,
  type Logger,
  type Module,
  type Part,
} from 'millrace'
import { startEmbeddedPostgres } from 'millrace/embedded-postgres'
import { createJwksAuthenticate, createJwtTokens, type JwtTokens } from 'millrace/jwt'
import { createKafkaBroker } from 'millrace/kafka'
import type { Broker, Bus, SharedCounter, Tracing } from 'millrace/ports'
import { createPostgresBroker, createPostgresDatabase } from 'millrace/postgres'
import { createRedisBus, createRedisCounter } from 'millrace/redis'
import manifest from '../package.json' with { type: 'json' }
import { type Config, type moduleNames, senderSettings } from './config.ts'
import { bind } from './database.ts'
import { kafkaSettings } from './kafka-settings.ts'
import { keptSecret } from './kept-secret.ts'
import { notifications } from './modules/notifications/module.ts'
import { orders } from './modules/orders/module.ts'
import { tasks } from './modules/tasks/module.ts'
import { todos } from './modules/todos/module.ts'
import { redisSettings } from './redis-settings.ts'
import { appRoutes } from './routes.ts'

interface ModuleParts {
  readonly logger: Logger
  readonly login: Login
}

/** The web console as `npm run build` leaves it. */
const consolePages = { at: '/console', directory: new URL('../../console/dist/', import.meta.url) }

/** The modules, each made with its own settings. */
const modules: Readonly<Record<(typeof moduleNames)[number], (config: Config, parts: ModuleParts) => Module>> = {
  todos: () => todos,
  notifications: (config, { logger }) =>
    notifications({
      sender: senderSettings(config),
      batchSize: config.NOTIFICATIONS_BATCH_SIZE,
      batchWait: config.NOTIFICATIONS_BATCH_WAIT,
      sendEvery: config.NOTIFICATIONS_SEND_EVERY,
      sendTimeout: config.NOTIFICATIONS_SEND_TIMEOUT,
      attempts: config.NOTIFICATIONS_ATTEMPTS,
      retryAfter: config.NOTIFICATIONS_RETRY_AFTER,
      keepSent: config.NOTIFICATIONS_KEEP_SENT,
      ofDueTasks: config.MODULES.includes('tasks'),
      logger: logger.child({ part: 'notifications' }),
    }),
  tasks: (config, { login: { tokens } }) => {
    const { TASKS_DUE_SOON_BEFORE, REFRESH_TOKEN_LIFETIME: refreshLifetime } = config
    const limits = { rateLimit: { max: config.AUTH_RATE_LIMIT }, accountLimit: { max: config.LOGIN_RATE_LIMIT } }
    const login = tokens && { issueToken: tokens.issue, refreshLifetime, ...limits }
    return tasks({ dueSoonBefore: TASKS_DUE_SOON_BEFORE, login })
  },
  orders: ({ ORDERS_PREFIX: prefix, ORDERS_CONFIRM_DELAY, ORDERS_SHIP_DELAY }) =>
    orders({ prefix, delays: { CONFIRMED: ORDERS_CONFIRM_DELAY, SHIPPED: ORDERS_SHIP_DELAY } }),
}

/**
 * Joins the modules with the adapters the configuration asks for. An embedded PostgreSQL is running when this resolves;
 * it is stopped after the app.
 *
 * @throws CONFIG_INVALID, EMBEDDED_ALREADY_RUNNING, EMBEDDED_UNAVAILABLE, DEFINITION_INVALID
 */
export async function compose(config: Config): Promise<App> {
  const logger = createLogger({ level: config.LOG_LEVEL, pretty: process.stdout.isTTY })
  for (const warning of config.warnings) logger.warn({}, warning)
  const kafka = provideKafka(config, logger)
  const redis = provideRedis(config, logger)
  const postgres = await providePostgres(config, logger)
  const adminToken = await provideAdminToken(config, logger)
  const login = await provideLogin(config, logger)
  const chosen = config.MODULES.map((name) => modules[name](config, { logger, login }))
  const database = createPostgresDatabase({ ...postgres.urls, poolSize: config.DATABASE_POOL_SIZE, logger })
  return createApp({
    services: postgres.services,
    name: 'millrace',
    modules: chosen,
    database,
    brokers: { postgres: createPostgresBroker({ database, retention: config.LOG_RETENTION, logger }), ...kafka },
    ...redis,
    bind,
    http: {
      ...{ host: config.HOST, port: config.PORT, title: 'Millrace', version: manifest.version },
      drainDelay: config.DRAIN_DELAY,
      pages: [consolePages],
      ...httpProtection(config),
      ...(adminToken && { adminToken }),
      ...(login.authenticate && { authenticate: login.authenticate }),
    },
    // A module that is served at the root greets in its own way.
    ...(chosen.every(({ prefix }) => prefix !== '/') && { routes: appRoutes }),
    roles: config.ROLES,
    topicPartitions: config.TOPIC_PARTITIONS,
    consumeFrom: config.KAFKA_FROM,
    ...(await provideTracing(config, logger)),
    ...(config.CONSUMERS_PAUSED && { pausedConsumers: config.CONSUMERS_PAUSED }),
    ...(config.DEAD_LETTER_TOPIC && { deadLetterTopic: config.DEAD_LETTER_TOPIC }),
    logger,
  })
}

interface Postgres {
  readonly urls: { readonly url: string; readonly directUrl?: string }
  /** The server, where it is ours. */
  readonly services: readonly Part[]
}

async function providePostgres(config: Config, logger: Logger): Promise<Postgres> {
  const { DATABASE_URL: url, DATABASE_DIRECT_URL: directUrl } = config
  if (url) return { urls: { url, directUrl: directUrl ?? url }, services: [] }
  const embedded = await startEmbeddedPostgres({ directory: config.DATA_DIR, logger })
  return { urls: { url: embedded.url }, services: [{ name: 'embedded PostgreSQL', stop: () => embedded.stop() }] }
}

/** What operators bear; with the embedded PostgreSQL, whose data is this machine's alone, one is made where none is set. */
async function provideAdminToken(config: Config, logger: Logger): Promise<string | undefined> {
  const { ADMIN_TOKEN: token, DATABASE_URL: url, DATA_DIR: directory } = config
  if (token) return token
  if (!url) return keptSecret(directory, 'admin-token')
  logger.info({}, 'ADMIN_TOKEN is not set: /admin lets nobody in')
  return undefined
}

/** Who users are, and where they log in here, what makes their tokens. */
interface Login {
  readonly authenticate?: Authenticate
  readonly tokens?: JwtTokens
}

/** As with operators: a secret is made where none is set and the data is this machine's alone. */
async function provideLogin(config: Config, logger: Logger): Promise<Login> {
  const { JWT_JWKS_URL: url, JWT_ISSUER: issuer = 'millrace', JWT_AUDIENCE: audience = 'millrace' } = config
  if (url) return { authenticate: createJwksAuthenticate({ url, issuer, audience, logger }) }
  const { JWT_SECRET, DATABASE_URL, DATA_DIR, ACCESS_TOKEN_LIFETIME: lifetime } = config
  const secret = JWT_SECRET ?? (DATABASE_URL ? undefined : await keptSecret(DATA_DIR, 'jwt-secret'))
  // Nothing needs users then: config.ts has seen to that.
  if (!secret) return {}
  const tokens = createJwtTokens({ secret, issuer, audience, lifetime })
  return { tokens, authenticate: tokens.authenticate }
}

function httpProtection(
  config: Config,
): Pick<HttpOptions, 'tls' | 'corsOrigins' | 'liveOrigins' | 'rateLimit' | 'trustProxy'> {
  const { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile, RATE_LIMIT: max } = config
  const { CORS_ORIGINS: corsOrigins, LIVE_ORIGINS: liveOrigins = corsOrigins } = config
  return {
    trustProxy: config.TRUST_PROXY,
    ...(corsOrigins && { corsOrigins }),
    ...(liveOrigins && { liveOrigins }),
    ...(certFile && keyFile && { tls: { certFile, keyFile } }),
    ...(max && { rateLimit: { max } }),
  }
}

/** Kafka, where it is asked for. */
function provideKafka(config: Config, logger: Logger): { readonly kafka?: Broker } {
  const settings = kafkaSettings(config)
  if (!settings) return {}
  return {
    kafka: createKafkaBroker({
      ...settings,
      ...(config.KAFKA_GROUP_PREFIX && { groupPrefix: config.KAFKA_GROUP_PREFIX }),
      ...(config.KAFKA_TOPIC_REPLICAS && { topicReplicas: config.KAFKA_TOPIC_REPLICAS }),
      sessionTimeout: config.KAFKA_SESSION_TIMEOUT,
      connectAttempts: config.KAFKA_CONNECT_ATTEMPTS,
      createTopics: config.KAFKA_CREATE_TOPICS,
      logger,
    }),
  }
}

/** Redis, where it is asked for. */
function provideRedis(config: Config, logger: Logger): { readonly bus?: Bus; readonly counter?: SharedCounter } {
  const settings = redisSettings(config)
  if (!settings) return {}
  const options = { ...settings, logger }
  return { bus: createRedisBus(options), counter: createRedisCounter(options) }
}

/** Spans, where somebody takes them. The SDK is loaded only then: it takes 0.2 s. */
async function provideTracing(config: Config, logger: Logger): Promise<{ readonly tracing?: Tracing }> {
  if (!config.OTEL_EXPORTER_OTLP_ENDPOINT) return {}
  const { createOpenTelemetry } = await import('millrace/opentelemetry')
  return {
    tracing: createOpenTelemetry({
      endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
      serviceName: config.OTEL_SERVICE_NAME,
      serviceVersion: manifest.version,
      sampleRatio: config.OTEL_TRACES_SAMPLER_ARG,
      global: true,
      logger,
    }),
  }
}
