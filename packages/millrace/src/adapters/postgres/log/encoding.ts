import { decodeHeaders } from '../../../core/record-headers.ts'
import type { BrokerRecord } from '../../../ports/broker.ts'

/**
 * Records as the log's reading statement packs them: offset and time (64 bits each, big-endian), the lengths of key, value
 * and headers (32 bits; -1 for null), then these. They are views of the bytes, not copies.
 */
export function unpackRecords(bytes: Buffer | null): BrokerRecord[] {
  const records: BrokerRecord[] = []
  for (let at = 0; bytes !== null && at < bytes.length; ) {
    const key = partAt(bytes, at + 28, bytes.readInt32BE(at + 16))
    const value = partAt(bytes, key.end, bytes.readInt32BE(at + 20))
    const headers = partAt(bytes, value.end, bytes.readInt32BE(at + 24))
    records.push({
      offset: integerAt(bytes, at),
      timestamp: integerAt(bytes, at + 8),
      key: key.part,
      value: value.part,
      headers: headers.part ? decodeHeaders(headers.part) : [],
    })
    at = headers.end
  }
  return records
}

function partAt(bytes: Buffer, start: number, length: number): { part: Buffer | null; end: number } {
  return length < 0 ? { part: null, end: start } : { part: bytes.subarray(start, start + length), end: start + length }
}

/** Offsets and times stay below 2^53. */
function integerAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)
}

/** An array of integers as a PostgreSQL parameter; the driver's own way quotes each element. */
export function integerArray(values: readonly (number | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join()}}`
}
