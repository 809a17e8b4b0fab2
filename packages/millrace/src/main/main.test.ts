import { expect, test } from 'vitest'
import { fail } from '../core/errors.ts'
import { explainError } from './explain-error.ts'
import { requireNode } from './node-version.ts'

test('an older Node is refused, this one and newer ones are not', () => {
  expect(() => requireNode('24.11.1')).toThrow('needs Node 26 or newer; this is 24.11.1')
  requireNode()
  requireNode('100.0.0')
})

test('an error is explained with what to do about its innermost cause', () => {
  const refused = fail(
    'LISTEN_FAILED',
    { host: 'h', port: 1, problem: 'EADDRINUSE' },
    { cause: new Error('EADDRINUSE') },
  )
  const error = fail('START_FAILED', { part: 'http', reason: refused.message }, { cause: refused })
  expect(explainError(error)).toBe(
    'Starting http failed: The server cannot listen on h:1: EADDRINUSE (LISTEN_FAILED)\n' +
      '  Stop the program that has the port, or set PORT to another one (0 takes any that is free).',
  )
})

test('causes that are not in the message are told', () => {
  const error = fail('COMMIT_FAILED', {}, { cause: new Error('duplicate key') })
  expect(explainError(error)).toContain('\n  because: duplicate key\n')
})

test('an error that is none of the catalogue’s has its stack', () => {
  expect(explainError(new TypeError('x is not a function'))).toMatch(/^TypeError: x is not a function\n {4}at /)
})
