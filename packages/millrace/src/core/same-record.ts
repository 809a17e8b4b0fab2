import type { RecordHeader } from './record-headers.ts'

interface StoredRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly RecordHeader[]
}

/** Whether two that were read are one record: at one place, of one time, with the same bytes. */
export function isSameRecord(one: StoredRecord, other: StoredRecord): boolean {
  return (
    one.offset === other.offset &&
    one.timestamp === other.timestamp &&
    isSame(one.key, other.key) &&
    isSame(one.value, other.value) &&
    one.headers.length === other.headers.length &&
    one.headers.every(([name, value], nth) => {
      const [otherName, otherValue = null] = other.headers[nth] ?? []
      return name === otherName && isSame(value, otherValue)
    })
  )
}

function isSame(one: Uint8Array | null, other: Uint8Array | null): boolean {
  if (one === null || other === null) return one === other
  return one.length === other.length && Buffer.compare(one, other) === 0
}
