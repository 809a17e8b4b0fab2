import { hash } from 'node:crypto'

const nothing = Buffer.alloc(0)

/**
 * What a timer is known by in our tables: the first 16 bytes of SHA-256 over topic, key and name, in hex. Keys may be longer
 * than an index entry.
 */
export function timerNameHash(topic: string, key: Uint8Array | null, name: string): string {
  // Lengths, so that no other three read the same; no key is none of the empty ones.
  const lengths = Buffer.alloc(8)
  const topicBytes = Buffer.from(topic)
  lengths.writeUInt32BE(topicBytes.length, 0)
  lengths.writeInt32BE(key === null ? -1 : key.length, 4)
  const bytes = Buffer.concat([lengths, topicBytes, key ?? nothing, Buffer.from(name)])
  return hash('sha256', bytes, 'hex').slice(0, 32)
}
