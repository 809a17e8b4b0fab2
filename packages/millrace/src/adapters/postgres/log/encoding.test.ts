import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeHeaders, encodeHeaders, integerArray } from './encoding.ts'

test('gives headers back as they were', () => {
  const header = fc.tuple(fc.string({ unit: 'grapheme' }), fc.uint8Array({ maxLength: 300 }))
  fc.assert(
    fc.property(fc.array(header, { maxLength: 8 }), (headers) => {
      const plain = decodeHeaders(encodeHeaders(headers)).map(([name, value]) => [name, Uint8Array.from(value)])
      expect(plain).toEqual(headers)
    }),
  )
})

test('keeps no bytes for a record without headers', () => {
  expect(encodeHeaders([])).toBeNull()
  expect(decodeHeaders(null)).toEqual([])
})

test('writes arrays as PostgreSQL reads them', () => {
  expect(integerArray([1, null, -3])).toBe('{1,NULL,-3}')
  expect(integerArray([])).toBe('{}')
})
