import { createHash } from 'node:crypto'
import { decodeHeaders, encodeHeaders } from '../../core/record-headers.ts'
import { sizeOf } from '../../core/record-size.ts'
import type { BrokerRecord } from '../../ports/broker.ts'

/** What tells a record from any other that could have its offset. */
export type Print = string

/** Records that follow each other, as they travel by Redis. */
export interface Message {
  /** The print of the record before the first one; undefined where whoever sent it does not know that one. */
  readonly before: Print | undefined
  /** At least one. */
  readonly records: readonly BrokerRecord[]
}

/** Of the messages' form: one that is not known is read by nobody. */
const form = 1
const printBytes = 16
const unknown = Buffer.alloc(printBytes)
const headBytes = 1 + printBytes
const recordHeadBytes = 28
/** One message has so much and a record more: a larger one would hold up the server for all others. */
const mostBytes = 256 * 1024

/** The print of a record. */
export function printOf(record: BrokerRecord): Print {
  return createHash('sha256').update(packed(record)).digest().toString('base64', 0, printBytes)
}

/** Parts records, which follow each other, into messages. */
export function messagesOf(records: readonly BrokerRecord[], before: Print | undefined): Message[] {
  const messages: Message[] = []
  let previous = before
  for (let at = 0; at < records.length; ) {
    const first = at
    for (let bytes = 0; at < records.length && bytes < mostBytes; at += 1) bytes += sizeOf(records[at] ?? none)
    const piece = records.slice(first, at)
    messages.push({ before: previous, records: piece })
    previous = printOf(piece.at(-1) ?? none)
  }
  return messages
}

/** The bytes of a message. */
export function encodeMessage({ before, records }: Message): Buffer {
  const print = before === undefined ? unknown : Buffer.from(before, 'base64')
  return Buffer.concat([Buffer.of(form), print, ...records.map(packed)])
}

/** Reads what {@link encodeMessage} writes; undefined for anything else. */
export function decodeMessage(bytes: Buffer): Message | undefined {
  try {
    return read(bytes)
  } catch {
    // It ends in the middle of a number.
    return undefined
  }
}

function read(bytes: Buffer): Message | undefined {
  if (bytes[0] !== form) return undefined
  const print = bytes.subarray(1, headBytes)
  const records: BrokerRecord[] = []
  for (let at = headBytes; at < bytes.length; ) {
    const { record, end } = unpacked(bytes, at)
    if (end > bytes.length || !follows(record, records.at(-1))) return undefined
    records.push(record)
    at = end
  }
  if (records.length === 0) return undefined
  return { before: print.equals(unknown) ? undefined : print.toString('base64'), records }
}

function follows({ offset, timestamp }: BrokerRecord, previous: BrokerRecord | undefined): boolean {
  const isPlace = Number.isSafeInteger(offset) && Number.isSafeInteger(timestamp)
  return isPlace && (previous === undefined || offset === previous.offset + 1)
}

const none: BrokerRecord = { offset: 0, timestamp: 0, key: null, value: null, headers: [] }

/** Offset and time (64 bits each, big-endian), the lengths of key, value and headers (32 bits; -1: null), then these. */
function packed({ offset, timestamp, key, value, headers }: BrokerRecord): Buffer {
  const head = Buffer.allocUnsafe(recordHeadBytes)
  const encoded = encodeHeaders(headers)
  head.writeBigInt64BE(BigInt(offset), 0)
  head.writeBigInt64BE(BigInt(timestamp), 8)
  for (const [nth, part] of [key, value, encoded].entries()) head.writeInt32BE(part?.length ?? -1, 16 + 4 * nth)
  return Buffer.concat([head, key ?? unused, value ?? unused, encoded])
}

const unused = Buffer.alloc(0)

function unpacked(bytes: Buffer, at: number): { readonly record: BrokerRecord; readonly end: number } {
  const key = partAt(bytes, at + recordHeadBytes, bytes.readInt32BE(at + 16))
  const value = partAt(bytes, key.end, bytes.readInt32BE(at + 20))
  const headers = partAt(bytes, value.end, bytes.readInt32BE(at + 24))
  const record = {
    offset: Number(bytes.readBigInt64BE(at)),
    timestamp: Number(bytes.readBigInt64BE(at + 8)),
    key: key.part,
    value: value.part,
    headers: decodeHeaders(headers.part ?? unused),
  }
  return { record, end: headers.end }
}

function partAt(bytes: Buffer, start: number, length: number): { part: Buffer | null; end: number } {
  return length < 0 ? { part: null, end: start } : { part: bytes.subarray(start, start + length), end: start + length }
}
