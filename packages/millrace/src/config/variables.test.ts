import { describe, expect, expectTypeOf, test } from 'vitest'
import type { Duration } from '../core/duration.ts'
import { isMillraceError } from '../core/errors.ts'
import {
  duration,
  integer,
  listOf,
  mailAddress,
  names,
  oneOf,
  path,
  port,
  postgresUrl,
  string,
  url,
} from './parsers.ts'
import { readEnvironment } from './variables.ts'

const table = {
  HOST: { parse: string(), default: '127.0.0.1', doc: '' },
  PORT: { parse: port(), default: '8003', doc: '' },
  DATABASE_URL: { parse: postgresUrl(), doc: '', secret: true },
  POOL_SIZE: { parse: integer({ min: 2, max: 100 }), default: '10', doc: '' },
  ROLES: { parse: listOf(['api', 'worker']), default: 'api,worker', doc: '' },
  LEVEL: { parse: oneOf(['info', 'debug']), default: 'info', doc: '' },
  LOG_RETENTION: { parse: duration(), default: '7d', doc: '' },
} as const

function problemsOf(environment: Record<string, string>): string {
  try {
    readEnvironment(table, environment)
  } catch (error) {
    if (isMillraceError(error, 'CONFIG_INVALID')) return error.message
  }
  return ''
}

describe('an environment', () => {
  test('has its defaults, and the types of its parsers', () => {
    const { values } = readEnvironment(table, { PORT: '', ROLES: ' worker ' })
    expect(values).toEqual({
      HOST: '127.0.0.1',
      PORT: 8003,
      DATABASE_URL: undefined,
      POOL_SIZE: 10,
      ROLES: ['worker'],
      LEVEL: 'info',
      LOG_RETENTION: '7d',
    })
    expectTypeOf(values.PORT).toEqualTypeOf<number>()
    expectTypeOf(values.DATABASE_URL).toEqualTypeOf<string | undefined>()
    expectTypeOf(values.ROLES).toEqualTypeOf<readonly ('api' | 'worker')[]>()
    expectTypeOf(values.LOG_RETENTION).toEqualTypeOf<Duration>()
  })

  test('tells all its problems together', () => {
    const message = problemsOf({
      PORT: '80x',
      POOL_SIZE: '1',
      ROLES: 'api,wroker',
      LEVEL: 'loud',
      LOG_RETENTION: '7 days',
    })
    expect(message.split('\n')).toEqual([
      'The configuration has 5 problem(s):',
      '- PORT is "80x", which is not a port (0 to 65535; 0 takes any that is free).',
      '- POOL_SIZE is "1", which is not a whole number from 2 to 100.',
      '- ROLES is "api,wroker", which is not one or more of api, worker, comma-separated.',
      '- LEVEL is "loud", which is not one of info, debug.',
      '- LOG_RETENTION is "7 days", which is not a duration, such as 250ms, 10s, 5m or 7d.',
    ])
  })

  test.each(['mysql://u:hunter2@h/d', 'postgres://u:hunter2@h', 'hunter2'])('does not tell a secret: %s', (url) => {
    expect(problemsOf({ DATABASE_URL: url })).toMatch('DATABASE_URL is set, but its value is not a URL')
    expect(problemsOf({ DATABASE_URL: url })).not.toContain('hunter2')
  })

  test('takes both names of the scheme, sockets and options', () => {
    for (const url of ['postgres://h/d', 'postgresql://u:p@h:5432/d?sslmode=require', 'postgres:///d?host=/run/pg']) {
      expect(readEnvironment(table, { DATABASE_URL: url }).values.DATABASE_URL).toBe(url)
    }
  })

  test('warns of names that are a slip away from a known one', () => {
    const { warnings } = readEnvironment(table, {
      DATABASE_ULR: 'x',
      DATABASE_NAME: 'x',
      LOG_RETENTIONS: '1d',
      HOME: '/',
    })
    expect(warnings).toEqual([
      'DATABASE_ULR is set, but there is no such variable; is DATABASE_URL meant?',
      'LOG_RETENTIONS is set, but there is no such variable; is LOG_RETENTION meant?',
    ])
  })
})

describe('a parser', () => {
  test('of durations keeps its bounds', () => {
    const parser = duration({ min: '100ms', max: '1h' })
    expect(parser.expects).toBe('a duration from 100ms to 1h, such as 250ms, 10s, 5m or 7d')
    expect(['99ms', '100ms', '60m', '61m', 'x'].map((text) => parser.read(text))).toEqual([
      ...[undefined, '100ms', '60m'],
      ...[undefined, undefined],
    ])
  })

  test('of names takes each once', () => {
    expect(names().read('a, b-c,a')).toEqual(['a', 'b-c'])
    for (const text of ['', 'a,,b', 'a b']) expect(names().read(text)).toBeUndefined()
  })

  test('of URLs takes its schemes, with a host', () => {
    const parser = url(['smtp', 'smtps'], { example: 'smtps://h', login: true })
    expect(parser.read('smtp://user:password@[::1]:25')).toBe('smtp://user:password@[::1]:25')
    for (const text of ['https://h', 'smtp:', 'smtp://', 'h:25']) expect(parser.read(text)).toBeUndefined()
    const hook = url(['https'], { example: 'https://h' })
    expect([hook.read('https://h/hook?a=b'), hook.read('https://user:password@h')]).toEqual([
      'https://h/hook?a=b',
      undefined,
    ])
  })

  test('of mail addresses takes one, without a name', () => {
    expect(mailAddress().read('a.b+c@d.example')).toBe('a.b+c@d.example')
    for (const text of ['a', 'A <a@b>', 'a@b,c@d', 'a@b\r\nc']) expect(mailAddress().read(text)).toBeUndefined()
  })
})

describe('a path', () => {
  test.each([
    ['/', '/'],
    ['/orders', '/orders'],
    ['/api/v1.2/orders/', '/api/v1.2/orders'],
  ])('%s is taken as %s', (text, read) => {
    expect(path().read(text)).toBe(read)
  })

  test.each(['', 'orders', '//', '/a//b', '/:id', '/a b', '/*', '/a?b'])('%s is none', (text) => {
    expect(path().read(text)).toBeUndefined()
  })
})
