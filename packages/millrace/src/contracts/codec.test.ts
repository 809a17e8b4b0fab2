import { create } from '@bufbuild/protobuf'
import { StructSchema, TimestampSchema } from '@bufbuild/protobuf/wkt'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { isMillraceError } from '../core/errors.ts'
import type { OutgoingEvent } from '../core/event.ts'
import { sizeOf } from '../core/record-size.ts'
import { type AnyTopic, defineTopic, typeField } from '../core/topic.ts'
import type { BrokerRecord, OutgoingRecord, RecordHeader } from '../ports/broker.ts'
import { causeOf, decodeRecord, encodeEvent } from './index.ts'
import { protobuf } from './protobuf.ts'

const at = new Date('2026-11-21T12:00:00.000Z')
const context = { source: '/app/things', clock: { now: () => at }, maxBytes: 1_000_000 }

const anything = defineTopic('anything', { events: { Happened: z.json() } })

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** A record as it comes back from a broker. */
function stored(record: Partial<OutgoingRecord>): BrokerRecord {
  return { key: null, value: null, headers: [], offset: 7, timestamp: 1_000, ...record }
}

function foreign(value: string | null, headers: readonly RecordHeader[] = []): BrokerRecord {
  return stored({ value: value === null ? null : bytes(value), headers })
}

function roundTrip(topic: AnyTopic, event: OutgoingEvent) {
  const decoded = decodeRecord(topic, 2, stored(encodeEvent(event, context)))
  if (!decoded.event) throw decoded.problem
  return decoded.event
}

function problemOf(topic: AnyTopic, record: BrokerRecord): string | undefined {
  const decoded = decodeRecord(topic, 0, record)
  return decoded.event ? undefined : decoded.problem.code
}

function messageIdOf(headers: readonly RecordHeader[]): string | undefined {
  return decodeRecord(anything, 0, foreign('1', headers)).messageId
}

describe('events', () => {
  test('of any JSON come back as they went, with any key and id', () => {
    const text = fc.string({ unit: 'grapheme' })
    // Zod leaves out a key that would set an object's prototype.
    const json = fc.jsonValue().filter((data) => !JSON.stringify(data).includes('"__proto__"'))
    fc.assert(
      fc.property(json, fc.option(text), text, (data, key, id) => {
        const event = roundTrip(anything, anything.events.Happened(data as z.core.util.JSONType, { key, id }))
        expect(JSON.stringify(event.data)).toBe(JSON.stringify(data))
        expect(event).toMatchObject({ topic: 'anything', type: 'Happened', key, id, source: '/app/things', time: at })
        expect(event).toMatchObject({ partition: 2, offset: 7 })
      }),
      { numRuns: 300 },
    )
  })

  test('carry the NULs in keys, ids and data', () => {
    const event = roundTrip(anything, anything.events.Happened({ a: 'x\0y' }, { key: '\0', id: 'i\0d' }))
    expect(event).toMatchObject({ data: { a: 'x\0y' }, key: '\0', id: 'i\0d' })
  })

  test('carry what codecs make of the wire’s text', () => {
    const date = z.codec(z.iso.datetime(), z.date(), { decode: (s) => new Date(s), encode: (d) => d.toISOString() })
    const topic = defineTopic('dated', { events: { Dated: z.object({ date }) } })
    const record = encodeEvent(topic.events.Dated({ date: at }), context)
    expect(String(record.value && Buffer.from(record.value))).toBe(`{"date":"${at.toISOString()}"}`)
    expect(roundTrip(topic, topic.events.Dated({ date: at })).data).toEqual({ date: at })
  })

  test('that could not be decoded again are refused', () => {
    const topic = defineTopic('odd', { events: { Odd: z.any() } })
    for (const data of [undefined, () => {}, 1n]) {
      expect(() => encodeEvent(topic.events.Odd(data), context)).toThrowError(/EVENT_INVALID|does not fit/)
    }
  })

  test('have CloudEvents headers of the binary mode, and say what caused them', () => {
    const cause = causeOf({ id: 'cause', headers: { ce_correlationid: 'flow' } })
    const { headers } = encodeEvent(anything.events.Happened(1, { id: 'one' }), { ...context, cause })
    expect(headers.map(([name, value]) => [name, new TextDecoder().decode(value)])).toEqual([
      ['ce_specversion', '1.0'],
      ['ce_id', 'one'],
      ['ce_source', '/app/things'],
      ['ce_type', 'Happened'],
      ['ce_time', '2026-11-21T12:00:00.000Z'],
      ['content-type', 'application/json'],
      ['ce_correlationid', 'flow'],
      ['ce_causationid', 'cause'],
    ])
    expect(causeOf({ id: 'first', headers: {} })).toEqual({ correlationId: 'first', causationId: 'first' })
  })

  test('are measured with key, value and headers, and refused above the limit', () => {
    const event = anything.events.Happened('x'.repeat(100), { key: 'k'.repeat(50), id: 'one' })
    const size = sizeOf(encodeEvent(event, context))
    expect(size).toBeGreaterThan(150)
    expect(sizeOf(encodeEvent(event, { ...context, maxBytes: size }))).toBe(size)
    expect(() => encodeEvent(event, { ...context, maxBytes: size - 1 })).toThrowError(
      expect.objectContaining({ code: 'RECORD_TOO_LARGE', details: { topic: 'anything', size, limit: size - 1 } }),
    )
  })
})

describe('Protobuf', () => {
  const topic = defineTopic('times', { format: protobuf(), events: { Ticked: TimestampSchema } })
  const { Ticked } = topic.events

  test('goes out as the message’s bytes and nothing else, from its fields or from a message', () => {
    const fields = { seconds: 1n, nanos: 2 }
    const wire = Uint8Array.of(0x08, 0x01, 0x10, 0x02)
    expect(encodeEvent(Ticked(fields), context).value).toEqual(wire)
    expect(encodeEvent(Ticked(create(TimestampSchema, fields)), context).value).toEqual(wire)
    expect(roundTrip(topic, Ticked(fields)).data).toMatchObject(fields)
  })

  test('is read from foreign bytes, with what is missing at its default', () => {
    const read = (...value: number[]) => decodeRecord(topic, 0, stored({ value: Uint8Array.from(value) })).event?.data
    expect(read(0x10, 0x05)).toMatchObject({ seconds: 0n, nanos: 5 })
    expect(read()).toMatchObject({ seconds: 0n, nanos: 0 })
  })

  test('of any value of a field comes back', () => {
    const [min, max] = [-(2n ** 63n), 2n ** 63n - 1n]
    fc.assert(
      fc.property(fc.bigInt({ min, max }), fc.integer(), (seconds, nanos) => {
        expect(roundTrip(topic, Ticked({ seconds, nanos })).data).toMatchObject({ seconds, nanos })
      }),
    )
  })

  test('that is none is undecodable; a message of a wrong type is refused', () => {
    expect(problemOf(topic, stored({ value: Uint8Array.of(0xff) }))).toBe('RECORD_UNDECODABLE')
    expect(problemOf(topic, stored({ value: null }))).toBe('RECORD_UNDECODABLE')
    const wrong = { nanos: 'many' } as unknown as { nanos: number }
    expect(() => encodeEvent(Ticked(wrong), context)).toThrowError(/does not fit/)
    const other = create(StructSchema) as unknown as { nanos: number }
    expect(() => encodeEvent(Ticked(other), context)).toThrowError(/does not fit/)
  })
})

describe('records', () => {
  const shared = defineTopic('shared', {
    typeOf: typeField('kind'),
    events: { A: z.object({ kind: z.string() }), B: z.object({ kind: z.string(), n: z.int() }) },
  })

  test('of foreign programs are of the topic’s only event, with their place as their name', () => {
    const decoded = decodeRecord(anything, 3, { ...foreign('[1]'), key: bytes('k') })
    expect(decoded.messageId).toBeUndefined()
    expect(decoded.event).toMatchObject({ type: 'Happened', data: [1], id: 'anything/3/7', source: '', key: 'k' })
    expect(decoded.event?.time).toEqual(new Date(1_000))
  })

  test('of foreign programs name their type by a field, where there are several', () => {
    expect(decodeRecord(shared, 0, foreign('{"kind":"B","n":1}')).event).toMatchObject({ type: 'B', data: { n: 1 } })
    for (const value of ['{"kind":"C"}', '{"kind":1}', '{}', 'null', '[]', '"B"', 'no JSON', '']) {
      expect(problemOf(shared, foreign(value))).toBe('RECORD_TYPE_UNKNOWN')
    }
  })

  test.each([
    ['{', 'RECORD_UNDECODABLE'],
    ['', 'RECORD_UNDECODABLE'],
    [null, 'RECORD_UNDECODABLE'],
    ['{"kind":"B","n":1.5}', 'RECORD_INVALID'],
  ])('that say %j are a problem: %s', (value, code) => {
    expect(problemOf(shared, foreign(value, [['ce_type', bytes('B')]]))).toBe(code)
  })

  test('whose text is not UTF-8 are undecodable', () => {
    expect(problemOf(anything, stored({ value: Uint8Array.of(0x22, 0xff, 0x22) }))).toBe('RECORD_UNDECODABLE')
  })

  test('are of no type that every object has', () => {
    for (const type of ['toString', 'constructor', '__proto__']) {
      expect(problemOf(shared, foreign('{}', [['ce_type', bytes(type)]]))).toBe('RECORD_TYPE_UNKNOWN')
    }
  })

  test('are never thrown over, whatever their bytes and whatever `typeOf` does', () => {
    const throwing = defineTopic('throwing', {
      events: { A: z.json() },
      typeOf: () => {
        throw new Error('cannot tell')
      },
    })
    const header = fc.tuple(
      fc.constantFrom('ce_id', 'ce_type', 'ce_time', 'ce_source', '__proto__', ''),
      fc.uint8Array(),
    )
    const record = fc.record({
      key: fc.option(fc.uint8Array()),
      value: fc.option(fc.uint8Array()),
      headers: fc.array(header),
    })
    fc.assert(
      fc.property(record, fc.constantFrom<AnyTopic>(anything, shared, throwing), (record, topic) => {
        const { event, ...rest } = decodeRecord(topic, 0, stored(record))
        if (!event) expect('problem' in rest && isMillraceError(rest.problem)).toBe(true)
        // What is made only when it is looked at does not throw either.
        if (event) expect([event.id, event.time.getTime(), event.key, event.headers]).toHaveLength(4)
      }),
    )
  })
})

describe('message ids', () => {
  const headers = (source: Uint8Array, id: Uint8Array): RecordHeader[] => [
    ['ce_source', source],
    ['ce_id', id],
  ]

  test('are the same for the same source and id, and 16 bytes in hexadecimal', () => {
    const first = encodeEvent(anything.events.Happened(1, { id: 'one' }), context)
    const again = encodeEvent(anything.events.Happened(2, { id: 'one' }), context)
    expect(messageIdOf(first.headers)).toMatch(/^[0-9a-f]{32}$/)
    expect(messageIdOf(first.headers)).toBe(messageIdOf(again.headers))
  })

  test('differ for every other pair of bytes, text or not', () => {
    const part = fc.uint8Array({ minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(part, part, part, part, (source, id, otherSource, otherId) => {
        const isSame = String([source, ':', id]) === String([otherSource, ':', otherId])
        expect(messageIdOf(headers(source, id)) === messageIdOf(headers(otherSource, otherId))).toBe(isSame)
      }),
    )
    // Told apart neither as text nor by a separator.
    expect(messageIdOf(headers(bytes('s'), Uint8Array.of(0xff)))).not.toBe(
      messageIdOf(headers(bytes('s'), Uint8Array.of(0xfe))),
    )
    expect(messageIdOf(headers(bytes('a\0b'), bytes('c')))).not.toBe(messageIdOf(headers(bytes('a'), bytes('b\0c'))))
  })

  test('are there only where both parts are, and are not empty', () => {
    expect(messageIdOf([['ce_id', bytes('a')]])).toBeUndefined()
    expect(messageIdOf([['ce_source', bytes('a')]])).toBeUndefined()
    expect(messageIdOf(headers(bytes('a'), bytes('')))).toBeUndefined()
    expect(messageIdOf(headers(bytes(''), bytes('a')))).toBeUndefined()
  })
})
