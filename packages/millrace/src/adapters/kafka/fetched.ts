import type { fetchV17, KafkaRecord, RecordsBatch } from '@platformatic/kafka'
import type { BrokerRecord, RecordHeader } from '../../ports/broker.ts'

type FetchedPartition = fetchV17.FetchResponsePartition

/** What a request brought of one partition. */
export interface Fetched {
  /** In order; without those of aborted transactions, and without Kafka's own markers. */
  readonly records: BrokerRecord[]
  /** The offset to fetch next: behind everything that was brought, records or not. */
  readonly next: number
  /** The end of what may be read now. */
  readonly end: number
}

/** Bits of a batch's attributes. */
const logAppendTime = 1 << 3
const transactional = 1 << 4
const control = 1 << 5

/**
 * The records of a partition from an offset on: a batch comes whole, also when the offset is in the midst of it.
 *
 * Aborted transactions are left out as Kafka's Java client does it (CompletedFetch): the broker names the producers whose
 * transactions were aborted, and from which offset on; all of such a producer's until its marker is void. The library
 * leaves out only those whose marker came with the same answer.
 */
export function readFetched(partition: FetchedPartition, from: number): Fetched {
  const records: BrokerRecord[] = []
  const isVoid = abortedFilter(partition)
  let next = from
  for (const batch of partition.records ?? []) {
    const first = Number(batch.firstOffset)
    next = Math.max(next, first + batch.lastOffsetDelta + 1)
    if (!isVoid(batch)) addRecords(records, batch, first, from)
  }
  return { records, next, end: Number(partition.lastStableOffset) }
}

function addRecords(records: BrokerRecord[], batch: RecordsBatch, first: number, from: number): void {
  const isAppendTime = (batch.attributes & logAppendTime) !== 0
  const timestamp = Number(isAppendTime ? batch.maxTimestamp : batch.firstTimestamp)
  for (const record of batch.records) {
    const offset = first + record.offsetDelta
    if (offset < from) continue
    records.push({
      offset,
      timestamp: isAppendTime ? timestamp : timestamp + Number(record.timestampDelta),
      key: record.key,
      value: record.value,
      headers: record.headers.length === 0 ? none : headersOf(record),
    })
  }
}

/** Tells batches that hold nothing for a reader: markers, and records of aborted transactions. To be asked in order. */
function abortedFilter({ abortedTransactions }: FetchedPartition): (batch: RecordsBatch) => boolean {
  const isMarker = ({ attributes }: RecordsBatch) => (attributes & control) !== 0
  if (!abortedTransactions?.length) return isMarker
  const toCome = [...abortedTransactions].sort((a, b) => Number(a.firstOffset - b.firstOffset))
  const aborting = new Set<bigint>()
  return (batch) => {
    const last = batch.firstOffset + BigInt(batch.lastOffsetDelta)
    for (let next = toCome[0]; next && next.firstOffset <= last; next = toCome[0]) {
      aborting.add(next.producerId)
      toCome.shift()
    }
    // A producer has one transaction at a time, so any marker of its ends the aborted one.
    if (isMarker(batch)) {
      aborting.delete(batch.producerId)
      return true
    }
    return (batch.attributes & transactional) !== 0 && aborting.has(batch.producerId)
  }
}

const none: readonly RecordHeader[] = []
const nothing = new Uint8Array()

function headersOf({ headers }: KafkaRecord): RecordHeader[] {
  return headers.map(([name, value]) => [name?.toString() ?? '', value ?? nothing])
}
