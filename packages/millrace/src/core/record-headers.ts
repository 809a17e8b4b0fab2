/** A header's name and its bytes. Names may repeat. */
export type RecordHeader = readonly [name: string, value: Uint8Array]

/**
 * A list of headers in one value, as all our tables keep them: each is its name and its bytes, both preceded by their
 * length (32 bits, big-endian). Without headers it is empty.
 */
export function encodeHeaders(headers: readonly RecordHeader[]): Buffer {
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
export function decodeHeaders(bytes: Buffer): RecordHeader[] {
  const headers: RecordHeader[] = []
  for (let at = 0; at < bytes.length; ) {
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
