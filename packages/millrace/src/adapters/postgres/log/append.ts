import { fail } from '../../../core/errors.ts'
import { partitionOf } from '../../../core/partitioner.ts'
import { encodeHeaders } from '../../../core/record-headers.ts'
import type { Queryable, Statement } from '../../../core/unit.ts'
import type { BrokerRecord, OutgoingRecord, ProduceResult } from '../../../ports/broker.ts'
import type { AppendedRecords } from '../../../ports/bus.ts'
import { integerArray } from './encoding.ts'
import type { LogTopic, Topics } from './topics.ts'

/** A statement takes so many records, or bytes and one record more; larger batches are several in one transaction. */
const mostRecords = 5_000
const mostBytes = 16 * 1024 * 1024

/** A partition that a batch appends to. */
interface Target {
  readonly topic: LogTopic
  readonly partition: number
}

interface RoutedRecord {
  readonly target: Target
  readonly record: OutgoingRecord
  readonly headers: Buffer
  readonly index: number
}

/** Records ready to be appended. */
export interface Batch {
  readonly pieces: readonly (readonly RoutedRecord[])[]
  readonly locks: readonly number[]
  /** One for each record; those of unknown topics are there already. */
  readonly results: ProduceResult[]
  /** When each piece was appended. */
  readonly times: number[]
}

/** Gives each record its partition; a batch's records without a key share one, the next one at the next batch. */
export class Router {
  readonly #topics: Topics
  readonly #turns = new Map<string, number>()

  constructor(topics: Topics) {
    this.#topics = topics
  }

  async route(records: readonly OutgoingRecord[]): Promise<Batch> {
    const topics = await this.#topics.find([...new Set(records.map(({ topic }) => topic))])
    const targets = new Map<string, Target>()
    const keyless = new Map<string, number>()
    const results: ProduceResult[] = []
    const routed: RoutedRecord[] = []
    for (const [index, record] of records.entries()) {
      const topic = topics.get(record.topic)
      if (topic === undefined) {
        results[index] = { topic: record.topic, error: fail('TOPIC_UNKNOWN', { topic: record.topic }) }
      } else {
        const partition =
          record.key === null ? this.#keyless(topic, keyless) : partitionOf(record.key, topic.partitions)
        const target = targetOf(targets, topic, partition)
        routed.push({ target, record, headers: encodeHeaders(record.headers), index })
      }
    }
    const locks = [...new Set([...targets.values()].map(lockOf))].sort((a, b) => a - b)
    return { pieces: cut(routed), locks, results, times: [] }
  }

  #keyless(topic: LogTopic, chosen: Map<string, number>): number {
    let partition = chosen.get(topic.name)
    if (partition === undefined) {
      const turn = this.#turns.get(topic.name) ?? Math.floor(Math.random() * topic.partitions)
      this.#turns.set(topic.name, turn + 1)
      partition = turn % topic.partitions
      chosen.set(topic.name, partition)
    }
    return partition
  }
}

/**
 * Appends a batch in the transaction that `connection` is in, or without one where the batch has one piece.
 * Partitions stay locked until its end.
 */
export async function appendBatch(connection: Queryable, batch: Batch): Promise<ProduceResult[]> {
  for (const [number, piece] of batch.pieces.entries()) {
    const { statement, ranks, targets } = appendStatement(piece, batch.locks)
    const { rows } = await connection.query<{ bases: readonly string[]; appended_ms: number }>(statement)
    const { bases, appended_ms: time } = rows[0] ?? { bases: [], appended_ms: 0 }
    batch.times[number] = time
    for (const [nth, { target, index }] of piece.entries()) {
      const base = Number(bases[(targets[nth] ?? 0) - 1])
      batch.results[index] = { topic: target.topic.name, partition: target.partition, offset: base + (ranks[nth] ?? 0) }
    }
  }
  return batch.results
}

/** What a batch that was appended has of a topic, by partition. */
export function appendedTo(topicName: string, { pieces, results, times }: Batch): AppendedRecords[] {
  const found = new Map<Target, BrokerRecord[]>()
  for (const [number, piece] of pieces.entries()) {
    for (const { target, record, index } of piece) {
      const result = results[index]
      if (target.topic.name !== topicName || !result || 'error' in result) continue
      const records = found.get(target) ?? []
      const { key, value, headers } = record
      records.push({ offset: result.offset, timestamp: times[number] ?? 0, key, value, headers })
      found.set(target, records)
    }
  }
  return [...found].map(([{ topic, partition }, records]) => ({ topicId: topic.id, partition, records }))
}

function appendStatement(piece: readonly RoutedRecord[], locks: readonly number[]) {
  const numbers = new Map<Target, number>()
  const counts: number[] = []
  const columns = { targets: [] as number[], ranks: [] as number[], starts: [] as number[] }
  const lengths = { keys: [] as (number | null)[], values: [] as (number | null)[], headers: [] as number[] }
  const contents: Uint8Array[] = []
  let start = 1
  for (const { target, record, headers } of piece) {
    const number = numbers.get(target) ?? numbers.size + 1
    numbers.set(target, number)
    const rank = counts[number] ?? 0
    counts[number] = rank + 1
    columns.targets.push(number)
    columns.ranks.push(rank)
    columns.starts.push(start)
    lengths.keys.push(record.key?.length ?? null)
    lengths.values.push(record.value?.length ?? null)
    lengths.headers.push(headers.length)
    for (const part of [record.key, record.value, headers]) {
      if (part !== null) contents.push(part)
      start += part?.length ?? 0
    }
  }
  const targets = [...numbers.keys()]
  const arrays = [
    locks,
    targets.map(({ topic }) => topic.number),
    targets.map(({ partition }) => partition),
    ...Object.values(columns),
    ...Object.values(lengths),
  ]
  const statement: Statement = {
    name: 'millrace_log_append_at',
    text: 'SELECT bases, appended_ms FROM millrace.log_append_at($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
    values: [...arrays.map(integerArray), Buffer.concat(contents)],
  }
  return { statement, ranks: columns.ranks, targets: columns.targets }
}

function targetOf(targets: Map<string, Target>, topic: LogTopic, partition: number): Target {
  const name = `${topic.number}/${partition}`
  const target = targets.get(name) ?? { topic, partition }
  targets.set(name, target)
  return target
}

/** The advisory lock of a partition. Two partitions with the same one only wait for each other. */
function lockOf({ topic, partition }: Target): number {
  return (topic.number << 10) ^ partition
}

function cut(routed: readonly RoutedRecord[]): RoutedRecord[][] {
  const pieces: RoutedRecord[][] = []
  let piece: RoutedRecord[] = []
  let bytes = mostBytes
  for (const item of routed) {
    if (piece.length >= mostRecords || bytes >= mostBytes) {
      piece = []
      bytes = 0
      pieces.push(piece)
    }
    piece.push(item)
    bytes += sizeOf(item)
  }
  return pieces
}

function sizeOf({ record, headers }: RoutedRecord): number {
  return (record.key?.length ?? 0) + (record.value?.length ?? 0) + headers.length
}
