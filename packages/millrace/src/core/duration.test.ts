import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Duration, isDuration, milliseconds } from './duration.ts'

test.each([
  [0, 0],
  [1.5, 1.5],
  ['250ms', 250],
  ['10s', 10_000],
  ['5m', 300_000],
  ['1.5h', 5_400_000],
  ['7d', 604_800_000],
] as const)('%s is %d ms', (duration, ms) => {
  expect(milliseconds(duration)).toBe(ms)
})

test.each([
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  '',
  '10',
  's',
  '-1s',
  '1 s',
  '1S',
  '1e3s',
  '.5s',
  '1.s',
  '1s2s',
  ' 1s',
])('%s is none', (value) => {
  expect(() => milliseconds(value as Duration)).toThrowError(expect.objectContaining({ code: 'DURATION_INVALID' }))
})

test('what is one by its form has milliseconds, and nothing else has', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^\d{1,4}(\.\d{1,2})?(ms|s|m|h|d)$/))
  fc.assert(
    fc.property(text, (text) => {
      if (isDuration(text)) expect(milliseconds(text)).toBeGreaterThanOrEqual(0)
      else expect(() => milliseconds(text as Duration)).toThrow()
    }),
  )
})
