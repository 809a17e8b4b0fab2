import { describe, expect, test } from 'vitest'
import { readConfig, senderSettings } from './config.ts'

test('nothing needs to be set', () => {
  expect(readConfig({})).toEqual({
    HOST: '127.0.0.1',
    PORT: 8003,
    DATABASE_URL: undefined,
    DATABASE_DIRECT_URL: undefined,
    DATABASE_POOL_SIZE: 10,
    DATA_DIR: '.millrace',
    ADMIN_TOKEN: undefined,
    JWT_SECRET: undefined,
    JWT_JWKS_URL: undefined,
    JWT_ISSUER: undefined,
    JWT_AUDIENCE: undefined,
    ACCESS_TOKEN_LIFETIME: '15m',
    REFRESH_TOKEN_LIFETIME: '30d',
    TASKS_DUE_SOON_BEFORE: '24h',
    AUTH_RATE_LIMIT: 20,
    LOGIN_RATE_LIMIT: 10,
    RATE_LIMIT: undefined,
    TRUST_PROXY: 0,
    CORS_ORIGINS: undefined,
    LIVE_ORIGINS: undefined,
    TLS_CERT_FILE: undefined,
    TLS_KEY_FILE: undefined,
    REDIS_URL: undefined,
    REDIS_SSL_CA: undefined,
    REDIS_PREFIX: 'millrace',
    KAFKA_BROKERS: undefined,
    KAFKA_SASL_MECHANISM: undefined,
    KAFKA_SASL_USERNAME: undefined,
    KAFKA_SASL_PASSWORD: undefined,
    KAFKA_SSL: false,
    KAFKA_SSL_CA: undefined,
    KAFKA_GROUP_PREFIX: undefined,
    KAFKA_FROM: 'earliest',
    KAFKA_SESSION_TIMEOUT: '10s',
    KAFKA_CONNECT_ATTEMPTS: 5,
    KAFKA_CREATE_TOPICS: true,
    KAFKA_TOPIC_REPLICAS: undefined,
    TOPIC_PARTITIONS: 4,
    CONSUMERS_PAUSED: undefined,
    MODULES: ['todos', 'notifications', 'tasks', 'orders'],
    NOTIFICATIONS_ATTEMPTS: 10,
    NOTIFICATIONS_BATCH_SIZE: 25,
    NOTIFICATIONS_BATCH_WAIT: '5s',
    NOTIFICATIONS_KEEP_SENT: '30d',
    NOTIFICATIONS_MAIL_FROM: undefined,
    NOTIFICATIONS_MAIL_TO: '{user_id}',
    NOTIFICATIONS_RETRY_AFTER: '30s',
    NOTIFICATIONS_SENDER: 'log',
    NOTIFICATIONS_SEND_EVERY: '30s',
    NOTIFICATIONS_SEND_TIMEOUT: '10s',
    NOTIFICATIONS_SMTP_URL: undefined,
    NOTIFICATIONS_WEBHOOK_SECRET: undefined,
    NOTIFICATIONS_WEBHOOK_URL: undefined,
    DEAD_LETTER_TOPIC: undefined,
    ROLES: ['api', 'worker'],
    ORDERS_PREFIX: '/orders',
    ORDERS_CONFIRM_DELAY: '10s',
    ORDERS_SHIP_DELAY: '10s',
    DRAIN_DELAY: '0s',
    LOG_LEVEL: 'info',
    LOG_RETENTION: '7d',
    OTEL_EXPORTER_OTLP_ENDPOINT: undefined,
    OTEL_SERVICE_NAME: 'millrace',
    OTEL_TRACES_SAMPLER_ARG: 1,
    warnings: [],
  })
})

test.each(['redis://host', 'redis://host:6379/2', 'rediss://user:p%40ss@host/', 'redis://:oolong@[::1]:6380'])(
  'takes %s for a Redis',
  (url) => {
    expect(readConfig({ REDIS_URL: url })).toMatchObject({ REDIS_URL: url })
  },
)

test.each(['http://host', 'redis://', 'redis://host/name', 'host:6379', 'redis://user:oolong@host/1?tls=no'])(
  'refuses %s for a Redis, without repeating it',
  (url) => {
    const read = () => readConfig({ REDIS_URL: url })
    expect(read).toThrow(/- REDIS_URL is set, but its value is not a URL like redis:/)
    expect(read).not.toThrow(/oolong/)
  },
)

test('an authority for a Redis without TLS is refused', () => {
  expect(() => readConfig({ REDIS_URL: 'redis://host', REDIS_SSL_CA: 'ca.pem' })).toThrow(/nothing would be encrypted/)
})

test('a login to Kafka is whole or none', () => {
  const half = { KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_SASL_USERNAME: 'app' }
  expect(() => readConfig(half)).toThrow(/KAFKA_SASL_PASSWORD is not set/)
  expect(readConfig({ ...half, KAFKA_SASL_PASSWORD: 'x' })).toMatchObject({ KAFKA_SASL_PASSWORD: 'x' })
})

test('what is about spans is a URL, and a part of a whole', () => {
  const fitting = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_TRACES_SAMPLER_ARG: '0.25' }
  expect(readConfig(fitting)).toMatchObject({ ...fitting, OTEL_TRACES_SAMPLER_ARG: 0.25 })
  expect(() => readConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' })).toThrow(/is not a URL like/)
  for (const ratio of ['1.5', '-1', 'half', '.']) {
    expect(() => readConfig({ OTEL_TRACES_SAMPLER_ARG: ratio })).toThrow(/is not a number from 0 to 1/)
  }
})

test('Kafka’s addresses are hosts with ports', () => {
  expect(readConfig({ KAFKA_BROKERS: 'a.example:9092, [::1]:9093' }).KAFKA_BROKERS).toEqual([
    'a.example:9092',
    '[::1]:9093',
  ])
  expect(() => readConfig({ KAFKA_BROKERS: 'a.example' })).toThrow(/KAFKA_BROKERS is "a.example", which is not/)
})

test('a sender of notifications has all it needs, or nothing starts', () => {
  const webhook = { NOTIFICATIONS_SENDER: 'webhook', NOTIFICATIONS_WEBHOOK_URL: 'https://h.example/hook' }
  expect(() => readConfig(webhook)).toThrow(/1 problem.*\n- NOTIFICATIONS_WEBHOOK_SECRET is not set/)
  expect(senderSettings(readConfig({ ...webhook, NOTIFICATIONS_WEBHOOK_SECRET: 's' }))).toEqual({
    kind: 'webhook',
    url: 'https://h.example/hook',
    secret: 's',
  })
  expect(() => readConfig({ NOTIFICATIONS_SENDER: 'smtp' })).toThrow(
    /2 problem.*\n- NOTIFICATIONS_SMTP_URL is not set.*\n- NOTIFICATIONS_MAIL_FROM is not set/,
  )
  const smtp = { NOTIFICATIONS_SENDER: 'smtp', NOTIFICATIONS_SMTP_URL: 'smtps://app:hunter2@h.example' }
  expect(() => readConfig({ ...smtp, NOTIFICATIONS_MAIL_FROM: 'App <a@b.example>' })).toThrow(
    /NOTIFICATIONS_MAIL_FROM is/,
  )
  expect(() => readConfig({ ...smtp, NOTIFICATIONS_SMTP_URL: 'imap://app:hunter2@h' })).toThrow(/^(?!.*hunter2)/s)
  expect(senderSettings(readConfig({ ...smtp, NOTIFICATIONS_MAIL_FROM: 'app@h.example' }))).toEqual({
    kind: 'smtp',
    url: 'smtps://app:hunter2@h.example',
    from: 'app@h.example',
    to: '{user_id}',
  })
  expect(() => readConfig({ NOTIFICATIONS_SEND_EVERY: '0s' })).toThrow(/NOTIFICATIONS_SEND_EVERY is "0s", which is not/)
})

test('what does not go together is told in one list, the sender’s problems with all others', () => {
  const wrong = {
    ...{ KAFKA_SASL_USERNAME: 'app', TLS_CERT_FILE: 'tls.crt', DATABASE_URL: 'postgres://h/d' },
    NOTIFICATIONS_SENDER: 'smtp',
  }
  const lines = [
    'KAFKA_SASL_MECHANISM is not set, but it goes with KAFKA_SASL_USERNAME.',
    'KAFKA_SASL_PASSWORD is not set, but it goes with KAFKA_SASL_USERNAME.',
    'TLS_KEY_FILE is not set, but it goes with TLS_CERT_FILE.',
    'JWT_SECRET is not set (nor JWT_JWKS_URL): the module tasks needs one of them to know its users.',
    'NOTIFICATIONS_SMTP_URL is not set, but NOTIFICATIONS_SENDER is smtp.',
    'NOTIFICATIONS_MAIL_FROM is not set, but NOTIFICATIONS_SENDER is smtp.',
  ]
  expect(() => readConfig(wrong)).toThrow(
    `The configuration has 6 problem(s):\n${lines.map((line) => `- ${line}`).join('\n')}`,
  )
})

test('consumers that are paused are named', () => {
  expect(readConfig({ CONSUMERS_PAUSED: 'notifications, todos' }).CONSUMERS_PAUSED).toEqual(['notifications', 'todos'])
  expect(() => readConfig({ CONSUMERS_PAUSED: 'notifications,' })).toThrow(/CONSUMERS_PAUSED is/)
})

test('copies of dead letters go to a topic that can be one', () => {
  expect(readConfig({ DEAD_LETTER_TOPIC: 'dead-letters' })).toMatchObject({ DEAD_LETTER_TOPIC: 'dead-letters' })
  for (const wrong of ['dead letters', '..', 'x'.repeat(250)]) {
    expect(() => readConfig({ DEAD_LETTER_TOPIC: wrong })).toThrow(
      /DEAD_LETTER_TOPIC is ".*", which is not a topic name/,
    )
  }
})

test('what is wrong is told together, and a slip is warned about', () => {
  expect(() => readConfig({ PORT: '-1', MODULES: 'todo', TOPIC_PARTITIONS: '0' })).toThrow(/3 problem\(s\)/)
  expect(readConfig({ TOPIC_PARTITION: '8' }).warnings).toEqual([expect.stringContaining('TOPIC_PARTITIONS meant?')])
})

describe('who users are', () => {
  const secret = 'x'.repeat(32)
  const issuer = {
    JWT_JWKS_URL: 'https://issuer.example/jwks',
    JWT_ISSUER: 'https://issuer.example',
    JWT_AUDIENCE: 'app',
  }
  const shared = { DATABASE_URL: 'postgres://h/d' }

  test('on a database of others it has to be said, where tasks are served', () => {
    expect(() => readConfig(shared)).toThrow(/JWT_SECRET is not set \(nor JWT_JWKS_URL\)/)
    for (const enough of [{ JWT_SECRET: secret }, issuer, { MODULES: 'todos' }, { ROLES: 'worker' }]) {
      expect(() => readConfig({ ...shared, ...enough })).not.toThrow()
    }
  })

  test('a secret that is too short is refused, and not shown', () => {
    expect(() => readConfig({ JWT_SECRET: 'hunter2' })).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^(?!.*hunter2).*at least 32 bytes/s) }),
    )
  })

  test('an issuer elsewhere is named whole, and is the only one', () => {
    const { JWT_AUDIENCE: _, ...half } = issuer
    expect(() => readConfig(half)).toThrow(/JWT_AUDIENCE is not set/)
    expect(() => readConfig({ ...issuer, JWT_SECRET: secret })).toThrow(/both set/)
  })
})

test('a certificate goes with its key', () => {
  expect(() => readConfig({ TLS_CERT_FILE: 'tls.crt' })).toThrow(
    /TLS_KEY_FILE is not set, but it goes with TLS_CERT_FILE/,
  )
})

test('proxies are a number or addresses; origins are as browsers write them', () => {
  expect(readConfig({ TRUST_PROXY: '2', CORS_ORIGINS: 'https://a.example, http://localhost:5173' })).toMatchObject({
    TRUST_PROXY: 2,
    CORS_ORIGINS: ['https://a.example', 'http://localhost:5173'],
  })
  const addresses = ['10.0.0.0/8', 'loopback', 'fd00::/8', '::1']
  expect(readConfig({ TRUST_PROXY: addresses.join(', ') }).TRUST_PROXY).toEqual(addresses)
  for (const wrong of ['all', '-1', 'proxy.example', '10.0.0.0/8,x']) {
    expect(() => readConfig({ TRUST_PROXY: wrong })).toThrow(/TRUST_PROXY/)
  }
  for (const wrong of ['a.example', 'https://a.example/', 'https://*.example', 'ftp://a.example']) {
    expect(() => readConfig({ CORS_ORIGINS: wrong })).toThrow(/CORS_ORIGINS/)
  }
})
