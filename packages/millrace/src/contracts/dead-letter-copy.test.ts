import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemClock } from '../core/clock.ts'
import type { RecordHeader } from '../core/record-headers.ts'
import { sizeOf } from '../core/record-size.ts'
import { headerTexts } from './cloudevents.ts'
import { deadLetterCopies } from './dead-letter-copy.ts'

const topic = 'dead-letters'
const maxBytes = 8_000
const copy = deadLetterCopies({ topic, maxBytes, clock: systemClock })
const letter = { topic: 'orders', error: new Error('no'), attempts: 1 }

const bytes = (length: number) => Buffer.alloc(length, 'x')

test.each([
  ['as it is', bytes(10), bytes(10), [], {}],
  ['without its value', bytes(10), bytes(8_000), [], { dead_letter_value_omitted: '8000' }],
  [
    'without its headers too',
    bytes(10),
    null,
    [['h', bytes(8_000)]],
    { dead_letter_value_omitted: '0', dead_letter_headers_omitted: '1' },
  ],
  [
    'without its key too',
    bytes(8_000),
    bytes(1),
    [['h', bytes(1)]],
    { dead_letter_value_omitted: '1', dead_letter_headers_omitted: '1', dead_letter_key_omitted: '8000' },
  ],
] as [string, Buffer, Buffer | null, RecordHeader[], Record<string, string>][])(
  'a record goes %s where it fits no other way, and says so',
  (_, key, value, headers, omitted) => {
    const made = copy({ ...letter, record: { key, value, headers } })
    const said = Object.entries(headerTexts(made?.headers ?? [])).filter(([name]) => name.endsWith('_omitted'))
    expect(Object.fromEntries(said)).toEqual(omitted)
    expect(made).toMatchObject({
      key: 'dead_letter_key_omitted' in omitted ? null : key,
      value: 'dead_letter_value_omitted' in omitted ? null : value,
    })
  },
)

test('a copy is never too large, whatever its record and its reason are', () => {
  const length = fc.nat(12_000)
  fc.assert(
    fc.property(
      length,
      length,
      fc.array(length, { maxLength: 3 }),
      fc.string({ unit: 'binary', maxLength: 2_000 }),
      (k, v, h, said) => {
        const headers = h.map((size): RecordHeader => ['h', bytes(size)])
        const record = { key: bytes(k), value: bytes(v), headers }
        const made = copy({ ...letter, consumer: 'c'.repeat(200), record, error: new Error(said) })
        expect(made && sizeOf(made)).toBeLessThanOrEqual(maxBytes)
      },
    ),
  )
})

test('a copy that is a dead letter itself has none', () => {
  expect(copy({ ...letter, topic, record: { key: null, value: null, headers: [] } })).toBeUndefined()
})
