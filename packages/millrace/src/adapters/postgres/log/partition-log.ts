import type { BrokerRecord, LogRange } from '../../../ports/broker.ts'
import type { Database } from '../../../ports/database.ts'
import { integerArray, unpackRecords } from './encoding.ts'

/** One partition, by the number of its topic. */
export interface PartitionKey {
  readonly topicNumber: number
  readonly partition: number
}

/** A partition's bounds, and its first record from some offset on. */
export interface LogBounds extends LogRange {
  /** Undefined: there is none. */
  readonly nearest: number | undefined
}

// All records as one value, in the order the function has them: to read five columns a record out of the protocol took a
// tenth of the time of a drain. See unpackRecords.
const read = `
  SELECT string_agg(int8send("offset") || int8send(appended_ms::bigint) || int4send(coalesce(octet_length(key), -1))
                    || int4send(coalesce(octet_length(value), -1)) || int4send(coalesce(octet_length(headers), -1))
                    || coalesce(key, '') || coalesce(value, '') || coalesce(headers, ''), '') AS records
    FROM millrace.log_read($1, $2, $3, $4, $5)`

/** The records of offsets from `first` and below `beyond`, in order: as many as fit into `bytes`, but at least one. */
export async function readRecords(
  database: Database,
  { topicNumber, partition }: PartitionKey,
  range: { readonly first: number; readonly beyond: number; readonly bytes: number },
): Promise<BrokerRecord[]> {
  const { rows } = await database.on('system').query<{ records: Buffer | null }>({
    name: 'millrace_log_read',
    text: read,
    values: [topicNumber, partition, range.first, range.beyond, range.bytes],
  })
  return unpackRecords(rows[0]?.records ?? null)
}

/** The partition's bounds, and its first record at or above `from`. */
export async function readBounds(
  database: Database,
  { topicNumber, partition }: PartitionKey,
  from: number,
): Promise<LogBounds> {
  const { rows } = await database.on('system').query<{ first: string; beyond: string; nearest: string | null }>({
    name: 'millrace_log_bounds',
    text: 'SELECT * FROM millrace.log_bounds($1, $2, $3)',
    values: [topicNumber, partition, from],
  })
  const { first, beyond, nearest } = rows[0] ?? { first: 0, beyond: 0, nearest: null }
  return { start: Number(first), end: Number(beyond), nearest: nearest === null ? undefined : Number(nearest) }
}

/** The offsets that the next records of the partitions get. */
export async function readEnds(database: Database, partitions: readonly PartitionKey[]): Promise<number[]> {
  const { rows } = await database.on('system').query<{ ends: readonly string[] }>({
    name: 'millrace_log_ends',
    text: 'SELECT millrace.log_ends($1, $2) AS ends',
    values: [
      integerArray(partitions.map(({ topicNumber }) => topicNumber)),
      integerArray(partitions.map(({ partition }) => partition)),
    ],
  })
  return (rows[0]?.ends ?? []).map(Number)
}

/** The bounds of the partitions of a topic, in order. */
export async function readRanges(database: Database, topicNumber: number, partitions: number): Promise<LogRange[]> {
  const { rows } = await database.on('system').query<{ first: string; beyond: string }>({
    name: 'millrace_log_ranges',
    text: `SELECT b.first, b.beyond FROM generate_series(0, $2::int - 1) AS p (partition)
             CROSS JOIN LATERAL millrace.log_bounds($1, p.partition, 0) AS b ORDER BY p.partition`,
    values: [topicNumber, partitions],
  })
  return rows.map(({ first, beyond }) => ({ start: Number(first), end: Number(beyond) }))
}

/** Of the partitions of a topic, in order: the offset of the first record appended at this time or later; else the end. */
export async function readOffsetsAt(
  database: Database,
  { number, partitions }: { readonly number: number; readonly partitions: number },
  time: number,
): Promise<number[]> {
  const { rows } = await database.on('system').query<{ offset: string }>({
    name: 'millrace_log_offset_at',
    text: `SELECT millrace.log_offset_at($1, p.partition, $3) AS "offset"
             FROM generate_series(0, $2::int - 1) AS p (partition) ORDER BY p.partition`,
    values: [number, partitions, time],
  })
  return rows.map(({ offset }) => Number(offset))
}
