import fc from 'fast-check'
import { expect, test } from 'vitest'
import { plain } from '../../conformance/bus/stage.ts'
import type { BrokerRecord } from '../../ports/broker.ts'
import { decodeMessage, encodeMessage, messagesOf, printOf } from './message.ts'

const bytes = fc.uint8Array({ maxLength: 40 })
const part = fc.option(bytes)
const header = fc.tuple(fc.string({ maxLength: 5 }), bytes)

/** Records that follow each other. */
const records = fc
  .record({
    first: fc.nat(2 ** 40),
    parts: fc.array(
      fc.record({ timestamp: fc.nat(2 ** 45), key: part, value: part, headers: fc.array(header, { maxLength: 3 }) }),
      { minLength: 1, maxLength: 6 },
    ),
  })
  .map(({ first, parts }) => parts.map((each, nth): BrokerRecord => ({ offset: first + nth, ...each })))

test('a message is read as it was written', () => {
  fc.assert(
    fc.property(records, fc.boolean(), (some, isKnown) => {
      const before = isKnown ? printOf(some[0] as BrokerRecord) : undefined
      const read = decodeMessage(encodeMessage({ before, records: some }))
      expect(read?.before).toBe(before)
      expect(read?.records.map(plain)).toEqual(some.map(plain))
    }),
  )
})

test('whatever else comes is no message, or one whose records follow each other', () => {
  const spoiled = fc.tuple(records, fc.nat(), fc.nat(255), fc.boolean()).map(([some, at, value, isCut]) => {
    const whole = encodeMessage({ before: undefined, records: some })
    const place = at % whole.length
    if (isCut) return whole.subarray(0, place)
    whole[place] = value
    return whole
  })
  fc.assert(
    fc.property(fc.oneof(spoiled, fc.uint8Array({ maxLength: 200 }).map(Buffer.from)), (some) => {
      const read = decodeMessage(Buffer.from(some))
      const offsets = read?.records.map(({ offset }) => offset) ?? []
      expect(offsets).toEqual(offsets.map((_, nth) => (offsets[0] ?? 0) + nth))
      if (read) expect(read.records.length).toBeGreaterThan(0)
    }),
    { numRuns: 2_000 },
  )
})

test('records are parted into messages of a bounded size, each of which knows the record before it', () => {
  const value = new Uint8Array(100_000)
  const some = Array.from(
    { length: 10 },
    (_, offset): BrokerRecord => ({ offset, timestamp: offset, key: null, value, headers: [] }),
  )
  const messages = messagesOf(some, 'before')

  expect(messages.map((message) => message.records.length)).toEqual([3, 3, 3, 1])
  expect(messages.flatMap((message) => message.records)).toEqual(some)
  expect(messages.map(({ before }) => before)).toEqual([
    'before',
    ...[2, 5, 8].map((offset) => printOf(some[offset] as BrokerRecord)),
  ])
})
