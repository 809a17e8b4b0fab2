import { expect, test } from 'vitest'
import { fail } from '../core/errors.ts'
import { createLogger, createMetrics } from './index.ts'

function logged(write: (logger: ReturnType<typeof createLogger>) => void, pretty = false): string {
  const lines: string[] = []
  write(createLogger({ level: 'debug', pretty, destination: { write: (line) => void lines.push(line) } }))
  return lines.join('')
}

test('log lines are JSON with the level’s name and an ISO time', () => {
  const line = JSON.parse(logged((logger) => logger.info({ topic: 't' }, 'hello')))
  expect(line).toEqual({ level: 'info', time: expect.stringMatching(/^\d{4}-.*Z$/), topic: 't', msg: 'hello' })
})

test('secrets are taken out of logs, in fields and in URLs', () => {
  const secret = 'hunter2'
  const text = logged((logger) => {
    logger.info({ password: secret, request: { headers: { authorization: secret } } }, 'm')
    const cause = new Error(`connect to postgres://u:${secret}@h/d`)
    logger.error({ err: fail('DATABASE_UNAVAILABLE', { problem: `postgres://u:${secret}@h/d` }, { cause }) }, 'm')
  })
  expect(text).not.toContain(secret)
  expect(text).toContain('postgres://u:***@h/d')
})

test('errors are logged with code, details and causes', () => {
  const error = fail('TOPIC_UNKNOWN', { topic: 't' }, { cause: new AggregateError([new Error('a'), 'b'], 'both') })
  const line = JSON.parse(logged((logger) => logger.error({ err: error }, 'failed')))
  expect(line.err).toMatchObject({
    type: 'MillraceError',
    code: 'TOPIC_UNKNOWN',
    details: { topic: 't' },
    stack: expect.stringContaining('at '),
    cause: { message: 'both', errors: [{ message: 'a' }, { type: 'string', message: 'b' }] },
  })
})

test('pretty lines are for people', () => {
  const text = logged((logger) => {
    logger.info({ port: 8003, url: 'a b' }, 'listening')
    logger.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed')
  }, true)
  expect(text).toMatch(/^\d\d:\d\d:\d\d\.\d{3} INFO {2}listening port=8003 url="a b"\n/)
  expect(text).toMatch(/ERROR failed\nError: outer\n {4}at [\s\S]*caused by: Error: inner/)
})

test('each app has its own metrics, and shares the process’s', async () => {
  const [one, two] = [createMetrics(), createMetrics()]
  one.counter('direct_records_total').inc({ topic: 't' }, 2)
  one.counter('direct_records_total').inc({ topic: 't' })
  two.gauge('direct_waiting_records').set(4)
  expect(await one.render()).toContain('millrace_direct_records_total{topic="t"} 3')
  expect(await two.render()).not.toContain('millrace_direct_records_total{')
  expect(await two.render()).toContain('millrace_direct_waiting_records 4')
  expect(await two.render()).toMatch(/^process_resident_memory_bytes \d+/m)
})
