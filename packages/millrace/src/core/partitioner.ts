/**
 * Which partition a key belongs to: murmur2 as in Kafka's Java client
 * (org.apache.kafka.common.utils.Utils#murmur2 and toPositive), so that every producer agrees on every broker.
 */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}

const multiplier = 0x5bd1e995

/** The signed 32-bit murmur2 hash of Kafka's Java client. */
export function murmur2(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const whole = bytes.length & ~3
  let hash = 0x9747b28c ^ bytes.length
  for (let i = 0; i < whole; i += 4) {
    let word = Math.imul(view.getInt32(i, true), multiplier)
    word ^= word >>> 24
    hash = Math.imul(hash, multiplier) ^ Math.imul(word, multiplier)
  }
  const rest = bytes.length - whole
  if (rest > 0) {
    for (let i = rest - 1; i >= 0; i -= 1) hash ^= (bytes[whole + i] ?? 0) << (8 * i)
    hash = Math.imul(hash, multiplier)
  }
  hash ^= hash >>> 13
  hash = Math.imul(hash, multiplier)
  return hash ^ (hash >>> 15)
}
