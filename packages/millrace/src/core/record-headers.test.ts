import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeHeaders, encodeHeaders } from './record-headers.ts'

test('gives headers back as they were', () => {
  const header = fc.tuple(fc.string({ unit: 'grapheme' }), fc.uint8Array({ maxLength: 300 }))
  fc.assert(
    fc.property(fc.array(header, { maxLength: 8 }), (headers) => {
      const plain = decodeHeaders(encodeHeaders(headers)).map(([name, value]) => [name, Uint8Array.from(value)])
      expect(plain).toEqual(headers)
    }),
  )
})

test('takes a header for one of the record before only where it has the same name', () => {
  const names = fc.constantFrom('a', 'b', 'ab', 'é', 'Ã©', '')
  fc.assert(
    fc.property(fc.array(fc.array(names, { maxLength: 3 }), { maxLength: 5 }), (records) => {
      const back = records.map((of) =>
        decodeHeaders(encodeHeaders(of.map((name) => [name, new Uint8Array()]))).map(([name]) => name),
      )
      expect(back).toEqual(records)
    }),
  )
})

test('keeps no bytes for a record without headers', () => {
  expect(encodeHeaders([])).toHaveLength(0)
  expect(decodeHeaders(Buffer.alloc(0))).toEqual([])
})
