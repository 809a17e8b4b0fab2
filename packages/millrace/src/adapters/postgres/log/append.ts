import { fail } from '../../../core/errors.ts'
import { partitionOf } from '../../../core/partitioner.ts'
import { encodeHeaders } from '../../../core/record-headers.ts'
import type { Queryable, Statement } from '../../../core/unit.ts'
import type { OutgoingRecord, ProduceResult } from '../../../ports/broker.ts'
import { integerArray } from './encoding.ts'
import type { LogTopic, Topics } from './topics.ts'

/** A statement takes so many records, or bytes and one record more; larger batches are several in one transaction. */
const mostRecords = 5_000
const mostBytes = 16 * 1024 * 1024

/** A partition that a batch appends to. */
interface Place {
  readonly topic: LogTopic
  readonly partition: number
}

interface Placed {
  readonly place: Place
  readonly record: OutgoingRecord
  readonly headers: Buffer
  readonly index: number
}

/** Records ready to be appended. */
export interface Batch {
  readonly pieces: readonly (readonly Placed[])[]
  readonly locks: readonly number[]
  /** One for each record; those of unknown topics are there already. */
  readonly results: ProduceResult[]
}

/** Gives each record its partition; a batch's records without a key share one, the next one at the next batch. */
export class Placement {
  readonly #topics: Topics
  readonly #turns = new Map<string, number>()

  constructor(topics: Topics) {
    this.#topics = topics
  }

  async place(records: readonly OutgoingRecord[]): Promise<Batch> {
    const topics = await this.#topics.find([...new Set(records.map(({ topic }) => topic))])
    const places = new Map<string, Place>()
    const keyless = new Map<string, number>()
    const results: ProduceResult[] = []
    const placed: Placed[] = []
    for (const [index, record] of records.entries()) {
      const topic = topics.get(record.topic)
      if (topic === undefined) {
        results[index] = { topic: record.topic, error: fail('TOPIC_UNKNOWN', { topic: record.topic }) }
      } else {
        const partition =
          record.key === null ? this.#keyless(topic, keyless) : partitionOf(record.key, topic.partitions)
        const place = placeOf(places, topic, partition)
        placed.push({ place, record, headers: encodeHeaders(record.headers), index })
      }
    }
    const locks = [...new Set([...places.values()].map(lockOf))].sort((a, b) => a - b)
    return { pieces: cut(placed), locks, results }
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
  for (const piece of batch.pieces) {
    const { statement, ranks, places } = appendStatement(piece, batch.locks)
    const { rows } = await connection.query<{ bases: readonly string[] }>(statement)
    const bases = rows[0]?.bases ?? []
    for (const [nth, { place, index }] of piece.entries()) {
      const base = Number(bases[(places[nth] ?? 0) - 1])
      batch.results[index] = { topic: place.topic.name, partition: place.partition, offset: base + (ranks[nth] ?? 0) }
    }
  }
  return batch.results
}

function appendStatement(piece: readonly Placed[], locks: readonly number[]) {
  const numbers = new Map<Place, number>()
  const counts: number[] = []
  const columns = { places: [] as number[], ranks: [] as number[], starts: [] as number[] }
  const lengths = { keys: [] as (number | null)[], values: [] as (number | null)[], headers: [] as (number | null)[] }
  const contents: Uint8Array[] = []
  let start = 1
  for (const { place, record, headers } of piece) {
    const number = numbers.get(place) ?? numbers.size + 1
    numbers.set(place, number)
    const rank = counts[number] ?? 0
    counts[number] = rank + 1
    columns.places.push(number)
    columns.ranks.push(rank)
    columns.starts.push(start)
    lengths.keys.push(record.key?.length ?? null)
    lengths.values.push(record.value?.length ?? null)
    lengths.headers.push(headers?.length ?? null)
    for (const part of [record.key, record.value, headers]) {
      if (part !== null) contents.push(part)
      start += part?.length ?? 0
    }
  }
  const places = [...numbers.keys()]
  const arrays = [
    locks,
    places.map(({ topic }) => topic.number),
    places.map(({ partition }) => partition),
    ...Object.values(columns),
    ...Object.values(lengths),
  ]
  const statement: Statement = {
    name: 'millrace_log_append',
    text: 'SELECT millrace.log_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS bases',
    values: [...arrays.map(integerArray), Buffer.concat(contents)],
  }
  return { statement, ranks: columns.ranks, places: columns.places }
}

function placeOf(places: Map<string, Place>, topic: LogTopic, partition: number): Place {
  const name = `${topic.number}/${partition}`
  const place = places.get(name) ?? { topic, partition }
  places.set(name, place)
  return place
}

/** The advisory lock of a partition. Two partitions with the same one only wait for each other. */
function lockOf({ topic, partition }: Place): number {
  return (topic.number << 10) ^ partition
}

function cut(placed: readonly Placed[]): Placed[][] {
  const pieces: Placed[][] = []
  let piece: Placed[] = []
  let bytes = mostBytes
  for (const item of placed) {
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

function sizeOf({ record, headers }: Placed): number {
  return (record.key?.length ?? 0) + (record.value?.length ?? 0) + (headers?.length ?? 0)
}
