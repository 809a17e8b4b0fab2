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
    MODULES: ['todos', 'orders'],
    ROLES: ['api', 'worker'],
    ORDERS_PREFIX: '/orders',
    ORDERS_CONFIRM_DELAY: '10s',
    ORDERS_SHIP_DELAY: '10s',
    DRAIN_DELAY: '0s',
    LOG_LEVEL: 'info',
    LOG_RETENTION: '7d',
    warnings: [],
  })
})

test('a login to Kafka is whole or none', () => {
  const half = { KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_SASL_USERNAME: 'app' }
  expect(() => readConfig(half)).toThrow(/KAFKA_SASL_PASSWORD is not set/)
  expect(readConfig({ ...half, KAFKA_SASL_PASSWORD: 'x' })).toMatchObject({ KAFKA_SASL_PASSWORD: 'x' })
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
