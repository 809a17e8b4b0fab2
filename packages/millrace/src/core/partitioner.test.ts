import { expect, test } from 'vitest'
import { murmur2, partitionOf } from './partitioner.ts'

// From the tests of Kafka's Java client: UtilsTest#testMurmur2.
test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('hashes %s as Kafka’s Java client does', (key, hash) => {
  expect(murmur2(Buffer.from(key))).toBe(hash)
  expect(partitionOf(Buffer.from(key), 7)).toBe((hash & 0x7fffffff) % 7)
})

test('hashes a view of a larger buffer by its own bytes', () => {
  const buffer = Buffer.from('..foobar..')

  expect(murmur2(buffer.subarray(2, 8))).toBe(murmur2(Buffer.from('foobar')))
})

test('gives the empty key a partition', () => {
  expect(partitionOf(new Uint8Array(), 4)).toBeOneOf([0, 1, 2, 3])
})
