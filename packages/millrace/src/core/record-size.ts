import type { RecordHeader } from './record-headers.ts'

interface RecordParts {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly RecordHeader[]
}

/** The bytes of a record's key, value and headers. */
export function sizeOf({ key, value, headers }: RecordParts): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0)
  for (const [name, content] of headers) bytes += name.length + content.length
  return bytes
}
