import type { RecordHeader } from '../../../ports/broker.ts'

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
    headers.push([bytes.toString('utf8', nameStart, valueStart), bytes.subarray(valueStart, end)])
    at = end
  }
  return headers
}

/** An array of integers as a PostgreSQL parameter; the driver's own way quotes each element. */
export function integerArray(values: readonly (number | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join()}}`
}
