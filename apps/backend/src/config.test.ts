import { expect, test } from 'vitest'
import { readConfig } from './config.ts'

test('nothing needs to be set', () => {
  expect(readConfig({})).toEqual({
    HOST: '127.0.0.1',
    PORT: 8003,
    DATABASE_URL: undefined,
    DATABASE_DIRECT_URL: undefined,
    DATABASE_POOL_SIZE: 10,
    DATA_DIR: '.millrace',
    ADMIN_TOKEN: undefined,
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
    MODULES: ['todos'],
    ROLES: ['api', 'worker'],
    LOG_LEVEL: 'info',
    LOG_RETENTION: '7d',
    OTEL_EXPORTER_OTLP_ENDPOINT: undefined,
    OTEL_SERVICE_NAME: 'millrace',
    OTEL_TRACES_SAMPLER_ARG: 1,
    warnings: [],
  })
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

test('what is wrong is told together, and a slip is warned about', () => {
  expect(() => readConfig({ PORT: '-1', MODULES: 'todo', TOPIC_PARTITIONS: '0' })).toThrow(/3 problem\(s\)/)
  expect(readConfig({ TOPIC_PARTITION: '8' }).warnings).toEqual([expect.stringContaining('TOPIC_PARTITIONS meant?')])
})
