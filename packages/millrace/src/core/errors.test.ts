import { describe, expect, test } from 'vitest'
import { type ErrorCode, errorCatalogue, fail, isMillraceError, MillraceError, messageOf } from './errors.ts'

const codes = Object.keys(errorCatalogue) as ErrorCode[]

function placeholdersOf(text: string): string[] {
  return [...text.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)
}

describe('the catalogue', () => {
  test.each(codes)('%s is an HTTP status and two texts whose placeholders are filled', (code) => {
    const { status, message, remedy } = errorCatalogue[code]
    expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(600)
    // A brace that is no placeholder would be shown as it is.
    for (const text of [message, remedy]) expect(text.replace(/\{\w+\}/g, '')).not.toMatch(/[{}]/)
    const names = placeholdersOf(message + remedy)
    const error = new MillraceError(code, Object.fromEntries(names.map((name) => [name, `<${name}>`])))
    expect(error.message + error.remedy).not.toMatch(/\{\w+\}/)
    for (const name of names) expect(error.message + error.remedy).toContain(`<${name}>`)
    expect(error).toMatchObject({ name: 'MillraceError', code, status })
  })
})

describe('an error', () => {
  test('has its details, its cause, and texts filled once: details are not read as placeholders', () => {
    const cause = new Error('why')
    const error = fail('START_FAILED', { part: '{reason}', reason: '$& {part}' }, { cause })
    expect(error.message).toBe('Starting {reason} failed: $& {part}')
    expect(error.details).toEqual({ part: '{reason}', reason: '$& {part}' })
    expect(error.cause).toBe(cause)
  })

  test('is told from others, and by its code', () => {
    const error = fail('SHUTTING_DOWN', {})
    expect(isMillraceError(error)).toBe(true)
    expect(isMillraceError(error, 'SHUTTING_DOWN')).toBe(true)
    expect(isMillraceError(error, 'INTERNAL')).toBe(false)
    for (const other of [new Error('SHUTTING_DOWN'), { code: 'SHUTTING_DOWN' }, undefined, null]) {
      expect(isMillraceError(other)).toBe(false)
    }
  })
})

test.each([
  [new Error('a'), 'a'],
  ['text', 'text'],
  [undefined, 'undefined'],
  [null, 'null'],
  [new AggregateError([new Error('one'), new AggregateError([new Error('two')])]), 'one; two'],
  [new AggregateError([new Error('one')], 'both failed'), 'both failed'],
])('the message of %s is "%s"', (thrown, message) => {
  expect(messageOf(thrown)).toBe(message)
})
