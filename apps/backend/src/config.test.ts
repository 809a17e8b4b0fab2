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
    TOPIC_PARTITIONS: 4,
    MODULES: ['todos'],
    ROLES: ['api', 'worker'],
    LOG_LEVEL: 'info',
    LOG_RETENTION: '7d',
    warnings: [],
  })
})

test('what is wrong is told together, and a slip is warned about', () => {
  expect(() => readConfig({ PORT: '-1', MODULES: 'todo', TOPIC_PARTITIONS: '0' })).toThrow(/3 problem\(s\)/)
  expect(readConfig({ TOPIC_PARTITION: '8' }).warnings).toEqual([expect.stringContaining('TOPIC_PARTITIONS meant?')])
})
