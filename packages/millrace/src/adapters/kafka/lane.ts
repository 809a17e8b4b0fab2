import type { MessageRecord } from '@platformatic/kafka'
import { sizeOf } from '../../core/record-size.ts'
import type { OutgoingRecord } from '../../ports/broker.ts'
import type { Entry, ProduceCall } from './call.ts'

/**
 * A batch takes so many bytes, or one record: brokers' default for a batch is 1,048,588 (`max.message.bytes`), and what
 * is counted here is an estimate.
 */
const mostBytes = 900_000
/** What Kafka writes around a record, and around each of its headers, at most. */
const recordOverhead = 32
const headerOverhead = 10
/** Sequences begin anew after 2^31 - 1. */
const sequences = 2 ** 31

/** What a broker tells a producer's batches by: the next sequence of each is the last one's end. */
export interface Identity {
  readonly producerId: bigint
  readonly producerEpoch: number
}

/** Records that go to a partition together. */
export interface LaneBatch {
  readonly entries: readonly Entry[]
  readonly bytes: number
  /** Of all its records, however often it is sent. */
  readonly timestamp: bigint
}

/** What keeps a lane from getting through. */
export interface Trouble {
  /** Of `performance.now()`. */
  readonly since: number
  attempts: number
  /** The latest reason. */
  problem: string
  isTold: boolean
  /** Since when the broker says that there is no such partition. */
  unknownSince: number | undefined
}

/**
 * What goes to one partition, one batch at a time: several under way would stay in order only as long as nothing fails.
 *
 * A batch without an answer may have been taken. It goes again as it is, with the same identity and sequence, until
 * there is an answer: the broker takes it once, and nothing can overtake it.
 */
export class Lane {
  readonly topic: string
  readonly partition: number
  /** What the library calls the partition where it looks for a batch’s sequence. */
  readonly name: string
  /** It is being sent, or rests before the next attempt. */
  isBusy = false
  trouble: Trouble | undefined
  #waiting: Entry[] = []
  /** Parts of a refused batch, to go before what waits. */
  #parts: (readonly Entry[])[] = []
  #batch: LaneBatch | undefined
  /** The batch was sent before, and nobody knows what became of it. */
  #isUnsettled = false
  #identity: Identity | undefined
  #sequence = 0
  #limit = mostBytes
  /** The largest batch that was taken. */
  #proven = 0

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
    this.name = `${topic}:${partition}`
  }

  get hasMore(): boolean {
    return this.#isUnsettled || this.#parts.length > 0 || this.#waiting.length > 0
  }

  /** What was sent may have been taken: only the same batch may go with its sequence. */
  get isUnsettled(): boolean {
    return this.#isUnsettled
  }

  /** What the batch goes with, once it was taken from here. */
  get identity(): Identity | undefined {
    return this.#identity
  }

  get sequence(): number {
    return this.#sequence
  }

  add(entries: readonly Entry[]): void {
    for (const entry of entries) this.#waiting.push(entry)
  }

  /** Drops what was not sent of calls that are over. */
  purge(): void {
    this.#waiting = this.#waiting.filter(({ call }) => !call.isOver)
  }

  /** What is to be sent now; it was handed over from then on. None: nothing waits. */
  take(newIdentity: Identity): LaneBatch | undefined {
    if (!this.#isUnsettled) this.#batch = this.#nextBatch()
    if (this.#batch && this.#identity === undefined) {
      this.#identity = newIdentity
      this.#sequence = 0
    }
    return this.#batch
  }

  /** The batch was taken. */
  took(firstOffset: number): void {
    const { entries, bytes } = this.#current()
    for (const [rank, { call, index }] of entries.entries()) call.took(index, this.partition, firstOffset + rank)
    this.#sequence = (this.#sequence + entries.length) % sequences
    this.#proven = Math.max(this.#proven, bytes)
    this.#settled()
  }

  /** The batch has no answer, or one that leaves open whether it was taken. */
  unsettled(): void {
    this.#isUnsettled = true
  }

  /** The batch was not taken for certain, unless it was at an attempt before. */
  notTaken(): void {
    if (this.#isUnsettled) return
    const { entries } = this.#current()
    this.#settled()
    this.#parts.unshift(entries)
  }

  /**
   * The broker refuses something of the batch. It goes again in halves, one after the other, until the record that is
   * refused stands alone.
   */
  refused(errorFor: (entry: Entry) => Error, isTooLarge: boolean): void {
    const { entries, bytes } = this.#current()
    this.#settled()
    const [only] = entries
    if (entries.length > 1) {
      const middle = entries.length >> 1
      this.#parts.unshift(entries.slice(0, middle), entries.slice(middle))
      if (isTooLarge) this.#limit = Math.max(this.#proven, bytes >> 1)
    } else if (only) only.call.refused(only.index, errorFor(only))
  }

  /** Nothing can be sent here: all that waits gets the error. */
  giveUp(error: Error): void {
    const all = [...(this.#batch?.entries ?? []), ...this.#parts.flat(), ...this.#waiting]
    this.#settled()
    this.#parts = []
    this.#waiting = []
    for (const { call, index } of all) call.failed(index, error)
  }

  /**
   * The broker knows less of the identity than we do, or may know more of it: the next batch is to have another one. With
   * this one, it could take for a repetition what is new.
   */
  dropIdentity(): void {
    this.#identity = undefined
  }

  #current(): LaneBatch {
    if (!this.#batch) throw new Error(`${this.name} has nothing under way`)
    return this.#batch
  }

  #settled(): void {
    this.#batch = undefined
    this.#isUnsettled = false
  }

  #nextBatch(): LaneBatch | undefined {
    while (this.#parts.length > 0 || this.#waiting.length > 0) {
      const entries = (this.#parts.shift() ?? this.#nextWaiting()).filter(({ call, index }) => call.mayGo(index))
      if (entries.length > 0) return toBatch(entries)
    }
    return undefined
  }

  #nextWaiting(): Entry[] {
    let bytes = 0
    let count = 0
    for (const entry of this.#waiting) {
      bytes += entry.bytes
      if (count > 0 && bytes > this.#limit) break
      count += 1
    }
    const all = this.#waiting
    this.#waiting = count === all.length ? [] : all.slice(count)
    return count === all.length ? all : all.slice(0, count)
  }
}

/** A record of a call, with what it takes. */
export function toEntry(call: ProduceCall, index: number, record: OutgoingRecord): Entry {
  return { call, index, record, bytes: recordOverhead + sizeOf(record) + headerOverhead * record.headers.length }
}

/** A batch as the library takes it. */
export function messagesOf({ entries, timestamp }: LaneBatch, partition: number): MessageRecord[] {
  return entries.map(({ record }) => toMessage(record, partition, timestamp))
}

function toBatch(entries: readonly Entry[]): LaneBatch {
  let bytes = 0
  for (const entry of entries) bytes += entry.bytes
  return { entries, bytes, timestamp: BigInt(Date.now()) }
}

function toMessage(
  { topic, key, value, headers }: OutgoingRecord,
  partition: number,
  timestamp: bigint,
): MessageRecord {
  const message = { topic, partition, timestamp, key: toBuffer(key), value: toBuffer(value) }
  // The library writes null as null, and has no type for it.
  return (headers.length === 0 ? message : { ...message, headers: toMap(headers) }) as MessageRecord
}

/** The library takes a map, and writes its entries in order: each name is an object of its own, so it may repeat. */
function toMap(headers: OutgoingRecord['headers']): Map<Buffer, Buffer> {
  const map = new Map<Buffer, Buffer>()
  for (const [name, value] of headers) map.set(Buffer.from(name), toBuffer(value))
  return map
}

function toBuffer(bytes: Uint8Array): Buffer
function toBuffer(bytes: Uint8Array | null): Buffer | null
function toBuffer(bytes: Uint8Array | null): Buffer | null {
  if (bytes === null || Buffer.isBuffer(bytes)) return bytes
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
