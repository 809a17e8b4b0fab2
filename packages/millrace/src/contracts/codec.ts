import { hash } from 'node:crypto'
import type { Clock } from '../core/clock.ts'
import { fail, isMillraceError, type MillraceError, messageOf } from '../core/errors.ts'
import type { OutgoingEvent, ReceivedEvent } from '../core/event.ts'
import { DataMismatch, type Format } from '../core/format.ts'
import { sizeOf } from '../core/record-size.ts'
import type { AnyTopic } from '../core/topic.ts'
import type { TraceContext } from '../core/trace-context.ts'
import type { BrokerRecord, OutgoingRecord } from '../ports/broker.ts'
import { type EventCause, headerBytes, headerText, headerTexts, idOf, toHeaders } from './cloudevents.ts'
import { json } from './json.ts'
import { RecordEvent } from './record-event.ts'

const encoder = new TextEncoder()
const defaultFormat = json() as Format

/** What encoding needs to know besides the event. */
export interface EncodeContext {
  /** CloudEvents source: `/app/module`. */
  readonly source: string
  readonly clock: Clock
  /** Largest record in bytes: key, value and headers together. */
  readonly maxBytes: number
  readonly cause?: EventCause | undefined
  readonly trace?: TraceContext | undefined
}

/**
 * The record of an event.
 *
 * @throws EVENT_INVALID, RECORD_TOO_LARGE
 */
export function encodeEvent(event: OutgoingEvent, context: EncodeContext): OutgoingRecord {
  const { topic, type } = event
  const format = topic.format ?? defaultFormat
  const key = event.key === undefined ? topic.keyOf(event) : event.key
  const record: OutgoingRecord = {
    topic: topic.name,
    key: key === null ? null : encoder.encode(key),
    value: encodeData(event, format),
    headers: toHeaders({
      id: idOf(event),
      source: context.source,
      type,
      time: context.clock.now(),
      contentType: format.contentType,
      cause: context.cause,
      trace: context.trace,
    }),
  }
  const size = sizeOf(record)
  if (size > context.maxBytes) throw fail('RECORD_TOO_LARGE', { topic: topic.name, size, limit: context.maxBytes })
  return record
}

/** A record as its consumer sees it: an event, or the reason why it is none. */
export type DecodedRecord = {
  readonly record: BrokerRecord
  /**
   * Names the event over all repetitions: the first 16 bytes of SHA-256 over CloudEvents source and id, in hex.
   * Undefined for a foreign record without them, whose place in the log is its only name.
   */
  readonly messageId: string | undefined
} & ({ readonly event: ReceivedEvent } | { readonly event: undefined; readonly problem: MillraceError })

/** Decodes a record of a topic; never throws. */
export function decodeRecord(topic: AnyTopic, partition: number, record: BrokerRecord): DecodedRecord {
  const id = headerBytes(record.headers, 'ce_id')
  const source = headerBytes(record.headers, 'ce_source')
  // CloudEvents allows neither to be empty; taken at their word, all such records would be one and the same.
  const messageId = id?.length && source?.length ? messageIdOf(source, id) : undefined
  try {
    const type = typeOfRecord(topic, record)
    const data = decodeData(topic, type, record.value)
    return { record, messageId, event: new RecordEvent(topic.name, type, data, { partition, record }) }
  } catch (error) {
    return { record, messageId, event: undefined, problem: asProblem(topic, error) }
  }
}

function encodeData({ topic, type, data }: OutgoingEvent, format: Format): Uint8Array {
  try {
    return format.encode(topic.schemas[type], data)
  } catch (error) {
    throw fail('EVENT_INVALID', { topic: topic.name, type, problem: messageOf(error) }, { cause: error })
  }
}

function typeOfRecord(topic: AnyTopic, record: BrokerRecord): string {
  const value = record.value ?? new Uint8Array()
  const type =
    headerText(record.headers, 'ce_type') ?? topic.typeOf({ headers: headerTexts(record.headers), value }) ?? ''
  if (!Object.hasOwn(topic.schemas, type)) throw fail('RECORD_TYPE_UNKNOWN', { type, topic: topic.name })
  return type
}

function decodeData(topic: AnyTopic, type: string, value: Uint8Array | null): unknown {
  const format = topic.format ?? defaultFormat
  try {
    // A null value is a record too (a tombstone on a compacted topic); no format reads it as data.
    if (value === null) throw new Error('the record has no value')
    return format.decode(topic.schemas[type], value)
  } catch (error) {
    const problem = messageOf(error)
    if (error instanceof DataMismatch) throw fail('RECORD_INVALID', { type, problem }, { cause: error })
    throw fail('RECORD_UNDECODABLE', { format: format.name, problem }, { cause: error })
  }
}

function asProblem(topic: AnyTopic, error: unknown): MillraceError {
  if (isMillraceError(error)) return error
  const problem = `typeOf of topic ${topic.name} threw: ${messageOf(error)}`
  return fail('RECORD_UNDECODABLE', { format: (topic.format ?? defaultFormat).name, problem }, { cause: error })
}

function messageIdOf(source: Uint8Array, id: Uint8Array): string {
  // Bytes, as a foreign id may be no text; and a length, so that no other source and id read the same.
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32BE(source.length)
  return hash('sha256', Buffer.concat([length, source, id]), 'hex').slice(0, 32)
}
