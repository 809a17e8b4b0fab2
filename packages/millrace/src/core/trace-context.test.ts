import { expect, test } from 'vitest'
import { parseTraceContext, traceIdOf } from './trace-context.ts'

const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
const parent = '00f067aa0ba902b7'
const valid = `00-${trace}-${parent}-01`

test('a valid context is kept as it is, with its state', () => {
  const context = parseTraceContext(valid, 'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7')
  expect(context).toEqual({ traceparent: valid, tracestate: 'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7' })
  expect(context && traceIdOf(context)).toBe(trace)
})

test.each([
  ['nothing', undefined],
  ['an empty one', ''],
  ['version ff', `ff-${trace}-${parent}-01`],
  ['upper case', valid.toUpperCase()],
  ['no trace id', `00-${'0'.repeat(32)}-${parent}-01`],
  ['no parent id', `00-${trace}-${'0'.repeat(16)}-01`],
  ['more than version 00 has', `${valid}-more`],
  ['two of them, as HTTP joins headers', `${valid}, ${valid}`],
  ['a short one', valid.slice(0, -1)],
])('%s is none', (_, traceparent) => {
  expect(parseTraceContext(traceparent, 'a=b')).toBeUndefined()
})

test('a later version is passed on as version 00', () => {
  expect(parseTraceContext(`01-${trace}-${parent}-01-what-comes`, undefined)).toEqual({ traceparent: valid })
})

test.each([
  ['without a value', 'congo'],
  ['with an upper-case key', 'Congo=1'],
  ['that is empty', ' , '],
  ['of more than 512 characters', `a=${'b'.repeat(200)},c=${'d'.repeat(200)},e=${'f'.repeat(200)}`],
  ['of more than 32 members', Array.from({ length: 33 }, (_, n) => `k${n}=1`).join(',')],
])('a state %s is left out', (_, state) => {
  expect(parseTraceContext(valid, state)).toEqual({ traceparent: valid })
})
