import type { BrokerRecord, RecordHeader } from '../../../ports/broker.ts'

/**
 * Headers as bytes: each is its name and its value, both preceded by their length (32 bits, big-endian).
 * A record without headers has none: null.
 */
export function encodeHeaders(headers: readonly RecordHeader[]): Buffer | null {
  if (headers.length === 0) return null
  const parts: Uint8Array[] = []
  for (const [name, value] of headers) {
    const bytes = Buffer.from(name)
    const lengths = Buffer.allocUnsafe(8)
    lengths.writeUInt32BE(bytes.length, 0)
    lengths.writeUInt32BE(value.length, 4)
    parts.push(lengths, bytes, value)
  }
  return Buffer.concat(parts)
}

/** The headers that {@link encodeHeaders} made the bytes from. Values are views of the bytes, not copies. */
export function decodeHeaders(bytes: Buffer | null): RecordHeader[] {
  const headers: RecordHeader[] = []
  for (let at = 0; bytes !== null && at < bytes.length; ) {
    const nameStart = at + 8
    const valueStart = nameStart + bytes.readUInt32BE(at)
    const end = valueStart + bytes.readUInt32BE(at + 4)
    headers.push([nameAt(bytes, nameStart, valueStart, headers.length), bytes.subarray(valueStart, end)])
    at = end
  }
  return headers
}

/** The latest ASCII name at each place: records mostly have the same ones, and to compare is faster than to decode. */
const latestNames: string[] = []
const rememberedPlaces = 16

function nameAt(bytes: Buffer, start: number, end: number, place: number): string {
  const latest = latestNames[place]
  if (latest !== undefined && spells(latest, bytes, start, end)) return latest
  const name = bytes.toString('utf8', start, end)
  if (place < rememberedPlaces && spells(name, bytes, start, end)) latestNames[place] = name
  return name
}

/** Whether the bytes are this name, in ASCII. */
function spells(name: string, bytes: Buffer, start: number, end: number): boolean {
  if (name.length !== end - start) return false
  for (let index = 0; index < name.length; index += 1) {
    const code = name.charCodeAt(index)
    if (code > 0x7f || code !== bytes[start + index]) return false
  }
  return true
}

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
      headers: decodeHeaders(headers.part),
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
